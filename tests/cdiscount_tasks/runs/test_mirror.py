import json
import logging
import shutil
import subprocess
import time
from dataclasses import replace

import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.runs import mirror, promotion, registry
from cdiscount_tasks.vocabulary import METRICS_VERSION
from tests.material.registry_models import judged_as, make_candidate

SERVER = "http://127.0.0.1:5000"
DONE = json.dumps({"added": ["1"], "champion": "1", "challenger": None})


@pytest.fixture
def registry_of_wine(promoted):
    """Return what promotes and rolls back, with a server in its environment."""
    promoted.environment = replace(promoted.environment, mlflow_url=SERVER)
    return promoted


@pytest.fixture
def pushed_by(tmp_path, monkeypatch):
    """Return what puts a shell script in the place of MLflow's Python; the script's stdin is kept in a file."""

    def put(script):
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\ncat > {tmp_path}/stdin.json\necho "$@" > {tmp_path}/arguments\n{script}\n')
        python.chmod(0o755)
        monkeypatch.setattr(mirror, "PYTHON", python)
        return tmp_path / "stdin.json"

    return put


def wanted_now(promoted):
    return mirror.wanted_of("wine", registry.history("wine", promoted.environment), promoted.environment)


def test_each_judged_challenger_is_a_version_with_what_was_decided(registry_of_wine):
    entry = registry_of_wine("one", reason="it is better")
    wanted = wanted_now(registry_of_wine)
    assert (wanted["server"], wanted["name"]) == (SERVER, "cdiscount_wine")
    [version] = wanted["versions"]
    assert version["decision"] == wanted["champion"] == f"1 of {entry.at}"
    assert wanted["challenger"] is None
    assert version["tags"] == {
        "decision": "1", "outcome": "promoted", "verdict": "better", "difference": "0.021", "low": "0.004",
        "high": "0.038", "look": "1", "report": "wine/one", "who": "rule", "reason": "it is better",
        "model": entry.candidate.model,
    }  # fmt: skip
    assert version["metrics"] == {"accuracy": 0.75}
    assert version["params"] == {"preset": "smoke"}
    assert (registry_of_wine.environment.work_dir / version["tags"]["model"]).samefile(version["model_dir"])


def test_a_reports_figures_and_knobs_are_told(registry_of_wine):
    registry_of_wine("one")
    report_dir = registry_of_wine.environment.reports_dir / "wine" / "one"
    report_dir.mkdir(parents=True)
    figure = {"value": 0.5, "low": 0.25, "high": None, "n": 8}
    metrics = {
        "schema_version": METRICS_VERSION,
        "test": {"product": {"accuracy": figure, "levels": [1], "top_5_accuracy": {"value": None}}},
        "validation": {"product": {"log_loss": figure}},
        "lineage": {"config": {"training": {"epochs": 3, "network": "plain_cnn"}}},
    }
    write_json(report_dir / "metrics.json", metrics)
    [version] = wanted_now(registry_of_wine)["versions"]
    assert version["metrics"] == {
        "accuracy": 0.75, "test_accuracy": 0.5, "test_accuracy_low": 0.25, "validation_log_loss": 0.5,
        "validation_log_loss_low": 0.25,
    }  # fmt: skip
    assert version["params"] == {"preset": "smoke", "epochs": 3, "network": "plain_cnn"}


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 0}', f'{{"schema_version": {METRICS_VERSION}}}'])
def test_a_damaged_report_has_no_figures_to_tell(registry_of_wine, text):
    registry_of_wine("one")
    report_dir = registry_of_wine.environment.reports_dir / "wine" / "one"
    report_dir.mkdir(parents=True)
    (report_dir / "metrics.json").write_text(text)
    assert wanted_now(registry_of_wine)["versions"][0]["metrics"] == {"accuracy": 0.75}


def test_the_aliases_follow_promotions_and_roll_backs(registry_of_wine):
    environment = registry_of_wine.environment
    first = registry_of_wine("one")
    second = registry_of_wine("two", decline_after=True)  # decision 3
    wanted = wanted_now(registry_of_wine)
    assert wanted["champion"] == f"2 of {second.at}"
    assert wanted["challenger"].startswith("3 of ")
    promotion.roll_back("wine", 1, who="ann", environment=environment)
    promotion.roll_back("wine", 2, who="ann", environment=environment)
    promotion.roll_back("wine", 4, who="ann", environment=environment)
    wanted = wanted_now(registry_of_wine)
    assert wanted["champion"] == f"1 of {first.at}"
    assert [version["tags"]["decision"] for version in wanted["versions"]] == ["1", "2", "3"]


def test_a_judgement_of_the_champion_itself_is_no_version(registry_of_wine):
    first = registry_of_wine("one")
    promotion.decline(
        first.candidate, judged_as("no_evidence"), expected=1, who="rule", kept=True,
        environment=registry_of_wine.environment,
    )  # fmt: skip
    wanted = wanted_now(registry_of_wine)
    assert (len(wanted["versions"]), wanted["challenger"]) == (1, None)


def test_before_the_first_promotion_there_is_a_challenger_alone(registry_of_wine):
    environment = registry_of_wine.environment
    candidate = make_candidate(environment, "one")
    promotion.decline(candidate, judged_as("worse"), expected=None, who="rule", environment=environment)
    wanted = wanted_now(registry_of_wine)
    assert wanted["champion"] is None
    assert wanted["challenger"].startswith("1 of ")


def test_the_demo_has_a_registered_model_of_its_own(registry_of_wine):
    demo = replace(registry_of_wine.environment, uses_demo_catalogue=True)
    assert mirror.wanted_of("wine", [], demo)["name"] == "cdiscount_wine-demo"


def test_the_script_gets_the_whole_registry_as_json(registry_of_wine, pushed_by, caplog):
    stdin = pushed_by(f"echo '{DONE}'")
    registry_of_wine("one")
    caplog.clear()
    with caplog.at_level(logging.INFO, mirror.__name__):
        assert mirror.mirror("wine", registry_of_wine.environment)
    assert json.loads(stdin.read_text()) == wanted_now(registry_of_wine)
    assert stdin.with_name("arguments").read_text().split() == ["-I", str(mirror.PUSH)]
    assert mirror.PUSH.is_file()
    assert caplog.messages == [f"{SERVER}: version 1 added, the champion is version 1"]


def test_without_the_variable_nothing_is_started(promoted, pushed_by):
    stdin = pushed_by(f"echo '{DONE}'")
    promoted("one")
    assert not mirror.mirror("wine", promoted.environment)
    assert not stdin.exists()


def warning_of(caplog, promoted):
    """Mirror, which must fail, and return the one warning."""
    caplog.clear()
    assert not mirror.mirror("wine", promoted.environment)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "\n" not in record.getMessage()
    assert "`make mlflow` or the next decision brings it up to date" in record.getMessage()
    return record.getMessage()


def test_an_environment_that_is_missing_is_a_warning(registry_of_wine, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(mirror, "PYTHON", tmp_path / "nowhere" / "python")
    said = warning_of(caplog, registry_of_wine)
    assert "nowhere/python is missing: `make mlflow` makes its client's environment" in said


def test_a_server_that_takes_too_long_is_a_warning(registry_of_wine, pushed_by, monkeypatch, caplog):
    monkeypatch.setattr(mirror, "TIME_LIMIT_S", 0.5)
    pushed_by("exec sleep 60")
    started = time.monotonic()
    assert "did not take it within 0.5 s" in warning_of(caplog, registry_of_wine)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo noise >&2; echo 'MlflowException: refused' >&2; exit 1", "(MlflowException: refused)"),
        ("exit 3", "(it ended with status 3)"),
        ("kill -9 $$", "(it ended with status -9)"),
        ("exit 0", "(list index out of range)"),
        ("echo nonsense", "(Expecting value: line 1 column 1 (char 0))"),
    ],
)
def test_a_script_that_fails_is_a_warning_with_its_last_line(registry_of_wine, pushed_by, caplog, script, words):
    pushed_by(script)
    assert words in warning_of(caplog, registry_of_wine)


def test_a_damaged_registry_is_a_warning(registry_of_wine, pushed_by, caplog):
    pushed_by(f"echo '{DONE}'")
    registry_of_wine("one")
    registry_of_wine("two")
    (registry_of_wine.folder / "history.jsonl").write_text("nonsense\nnonsense\n")
    assert "history.jsonl" in warning_of(caplog, registry_of_wine)


def test_a_program_in_the_place_of_python_that_cannot_run_is_a_warning(registry_of_wine, monkeypatch, tmp_path, caplog):
    (tmp_path / "python").write_text("no program")
    monkeypatch.setattr(mirror, "PYTHON", tmp_path / "python")
    assert "Permission denied" in warning_of(caplog, registry_of_wine)


@pytest.mark.skipif(shutil.which("flock") is None, reason="util-linux is not installed")
def test_two_at_once_go_one_after_the_other(registry_of_wine, pushed_by):
    pushed_by(f"flock -n {registry_of_wine.folder / '.mlflow.lock'} true && exit 7; echo '{DONE}'")
    registry_of_wine("one")
    assert mirror.mirror("wine", registry_of_wine.environment)
    subprocess.run(["flock", "-n", registry_of_wine.folder / ".mlflow.lock", "true"], check=True)
