import re
import time
from datetime import UTC, datetime

import pytest
import yaml

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.gauges import gauges_of_now, gauges_of_step, in_words
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.environment import PROJECT_DIR
from tests.material.finished_reports import finish_at, write_finished
from tests.material.gauged_run import COUNTS, GAUGES_OF_REPORT, write_gauged_run
from tests.material.registry_models import environment_in

SETTING = re.compile(r"\| `(accuracy|rejected|images|days|disk)")
"""The rows of the docs' table of gauges."""


def values(gauges):
    return {one.name: one.value for one in gauges}


def test_a_report_says_its_accuracy_with_its_interval_and_what_was_rejected(place):
    run = write_gauged_run("one")
    found = gauges_of_step("report", run.config.sample.name, "one")
    assert values(found) == GAUGES_OF_REPORT
    assert {tuple(one.tags.items()) for one in found} == {(("sample", run.config.sample.name), ("preset", "smoke"))}


def test_an_accuracy_that_is_undefined_is_no_gauge(place):
    figure = {"value": None, "low": None, "high": None, "n": 0}
    run = write_gauged_run("one", test={"product": {"accuracy": figure}, "baseline": {"majority": {"value": None}}})
    assert "accuracy" not in values(gauges_of_step("report", run.config.sample.name, "one"))


def test_a_network_says_how_fast_it_was_unless_what_it_made_was_there(place):
    run = start_run("colours", "one", "smoke", {})
    run.record("model", {"images_per_s": 558.7, "reused": False})
    run.record("features", {"images_per_s": 90.0, "reused": True})
    run.record("labels", COUNTS["labels"])
    (found,) = gauges_of_step("model", "colours", "one")
    assert (found.name, found.value) == ("images_per_s", 558.7)
    assert found.tags == {"sample": "colours", "preset": "smoke", "step": "model"}
    assert gauges_of_step("features", "colours", "one") == gauges_of_step("labels", "colours", "one") == []


def test_a_report_that_cannot_be_read_is_an_error_for_whoever_asks(place):
    run = write_gauged_run("one")
    (run.report_dir / "metrics.json").write_text("{}")
    with pytest.raises(DataError):
        gauges_of_step("report", "colours", "one")


def test_the_newest_report_of_each_sample_counts_and_a_skipped_run_is_one_that_came(tmp_path):
    environment, day = environment_in(tmp_path), 24 * 3600
    for sample, days in (("wine", 9), ("wine", 3), ("tea", 40)):
        finish_at(write_finished(environment.reports_dir, f"{days}", sample), time.time() - days * day)
    at = datetime.fromtimestamp(time.time() - day, UTC).isoformat()
    write_json(environment.reports_dir / "wine" / "skipped.json", {"at": at, "run_id": "x", "reason": "same"})
    found = {(one.name, one.tags.get("sample")): one.value for one in gauges_of_now(environment)}
    assert found["days_since_report", "wine"] == pytest.approx(3, abs=0.01)
    assert found["days_since_run", "wine"] == pytest.approx(1, abs=0.01)
    assert found["days_since_report", "tea"] == pytest.approx(40, abs=0.01)


def test_a_report_of_a_clock_that_is_ahead_is_of_today(tmp_path):
    environment = environment_in(tmp_path)
    finish_at(write_finished(environment.reports_dir), time.time() + 5000)
    assert values(gauges_of_now(environment))["days_since_report"] == 0


def test_the_disks_are_told_before_there_is_data(tmp_path):
    found = gauges_of_now(environment_in(tmp_path / "not" / "yet"))
    assert [(one.name, one.tags["folder"]) for one in found] == [
        ("disk_free_bytes", "data"),
        ("disk_free_share", "data"),
        ("disk_free_bytes", "reports"),
        ("disk_free_share", "reports"),
    ]
    assert 0 <= found[1].value <= 1
    assert in_words(found[1:2])[0].endswith("(folder data)")


def test_the_alerts_of_the_docs_are_about_gauges_that_are_set(place):
    text = (PROJECT_DIR / "docs" / "watching.md").read_text(encoding="utf-8")
    rules = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])["groups"][0]["rules"]
    run = write_gauged_run("one")
    of_step = gauges_of_step("report", run.config.sample.name, "one")
    names = {one.name for one in (*of_step, *gauges_of_now())} | {"images_per_s"}
    asked = {name for rule in rules for name in re.findall(r"airflow_cdiscount_(\w+)", rule["expr"])}
    assert {"days_since_run", "disk_free_share"} <= asked <= names
    assert names == set(re.findall(r"`(\w+)`", "".join(line for line in text.splitlines(True) if SETTING.match(line))))
