import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.manifest import MANIFEST, verify_artifact
from cdiscount_tasks.pages.parts.words import MINUS
from cdiscount_tasks.reports import overview
from cdiscount_tasks.reports.changes import CHANGE_FILE
from cdiscount_tasks.reports.overview import write_reports_index
from tests.material.finished_reports import change_metrics, write_finished
from tests.material.html_page import HOSTILE, Page
from tests.material.machines import Machines

DAY_S = 86_400
FIRST_S = 1_790_000_000


def written(reports_dir):
    write_reports_index(reports_dir)
    return (reports_dir / "index.html").read_text("utf-8")


def without_ranking(page):
    """Return a page less the tables that list the same runs a second time, by accuracy."""
    return re.sub(r'<details class="ranking">.*?</details>', "", page, flags=re.DOTALL)


def rows_of(page):
    """Return the text of each run's row, in order."""
    rows = re.findall(r'<tr><th scope="row".*?</tr>', without_ranking(page), flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def hrefs(page):
    return [link for link in re.findall(r'href="([^"]+)"', page) if not link.startswith("#")]


def test_every_finished_run_is_a_row_that_links_its_report(tmp_path):
    for number, sample in enumerate(("wine", "wine", "bag")):
        write_finished(tmp_path, f"run{number}", sample, at=FIRST_S + number * DAY_S)

    links = hrefs(without_ranking(written(tmp_path)))
    assert links == ["bag/run2/report.html", "wine/run1/report.html", "wine/run0/report.html"]


def test_reports_that_end_together_are_all_in_the_index(tmp_path):
    def end(number):
        write_finished(tmp_path, f"run{number}")
        write_reports_index(tmp_path)

    with ThreadPoolExecutor() as threads:
        list(threads.map(end, range(6)))
    page = without_ranking((tmp_path / "index.html").read_text("utf-8"))
    assert sorted(hrefs(page)) == [f"wine/run{number}/report.html" for number in range(6)]


def test_the_same_reports_give_the_same_bytes(tmp_path):
    for number in range(4):
        write_finished(tmp_path, f"run{number}", right=np.arange(40) % (number + 2) > 0, at=FIRST_S + number * DAY_S)

    assert written(tmp_path) == written(tmp_path)


def copied(reports_dir, folder, names):
    """Copy a reports folder as a transfer does that keeps no times: each run is new, those named first the newest."""
    shutil.copytree(reports_dir, folder, copy_function=shutil.copyfile)
    for number, name in enumerate(names):
        for path in (folder / name).iterdir():
            os.utime(path, (FIRST_S + 90 * DAY_S - number, FIRST_S + 90 * DAY_S - number))
    return folder


def test_a_copied_folder_keeps_the_order_and_the_times_of_its_runs(tmp_path):
    names = [f"wine/run{number}" for number in range(4)]
    for number in range(4):
        write_finished(tmp_path / "made", f"run{number}", at=FIRST_S + number * DAY_S)
    before = written(tmp_path / "made")

    assert written(copied(tmp_path / "made", tmp_path / "copy", names)) == before


def test_a_run_whose_manifest_says_no_time_is_listed_at_the_time_of_its_file(tmp_path):
    write_finished(tmp_path, "new", at=FIRST_S + 2 * DAY_S)
    folder = write_finished(tmp_path, "old", at=FIRST_S)
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    del manifest["finished_at"]
    write_json(folder / MANIFEST, {**manifest, "self_hash": hash_json({**manifest, "self_hash": None})})
    os.utime(folder / MANIFEST, (FIRST_S + 3 * DAY_S,) * 2)

    assert hrefs(without_ranking(written(tmp_path))) == ["wine/old/report.html", "wine/new/report.html"]


def test_the_index_shows_the_title_of_a_sample_and_its_name_beside_it(tmp_path):
    write_finished(tmp_path, sample="red_or_white", title="Wine: red or white")

    assert '<bdi>Wine: red or white</bdi> <span class="soft small">red_or_white</span></h2>' in written(tmp_path)


def test_a_change_is_paired_where_the_test_products_are_the_same(tmp_path):
    write_finished(tmp_path, "a", right=np.arange(200) % 4 > 0)
    write_finished(tmp_path, "b", right=np.arange(200) % 10 > 0, at=FIRST_S + DAY_S)

    newest = rows_of(written(tmp_path))[0]

    points, low, high = re.search(r"\+([\d.]+) \+([\d.]+) to \+([\d.]+) better", newest).groups()
    assert float(low) < float(points) < float(high)
    assert points == "15.0"


def test_other_test_products_are_told_and_get_no_interval(tmp_path):
    write_finished(tmp_path, "a", right=[True] * 10)
    write_finished(tmp_path, "b", right=[True] * 5 + [False] * 5, first_id=105, at=FIRST_S + DAY_S)

    newest = rows_of(written(tmp_path))[0]

    assert f"{MINUS}50.0 against 2026-09-21 14:13" in newest
    assert "other test products: 5 of 10 are the same, so there is no interval" in newest


def test_the_same_predictions_are_no_change(tmp_path):
    write_finished(tmp_path, "a")
    write_finished(tmp_path, "b", at=FIRST_S + DAY_S)

    assert "0.0 0.0 to 0.0 against 2026-09-21 14:13 the same predictions" in rows_of(written(tmp_path))[0]


def test_a_change_of_preset_is_told(tmp_path):
    write_finished(tmp_path, "a")
    write_finished(tmp_path, "b", at=FIRST_S + DAY_S, preset="baseline")

    assert "against a run with different settings: smoke, 2026-09-21 14:13" in rows_of(written(tmp_path))[0]


def test_the_first_run_has_nothing_before_it(tmp_path):
    write_finished(tmp_path)

    assert "the first run" in rows_of(written(tmp_path))[0]


def test_runs_of_another_sample_are_not_the_run_before(tmp_path):
    write_finished(tmp_path, "a", "bag")
    write_finished(tmp_path, "b", "wine", at=FIRST_S + DAY_S)

    assert all("the first run" in row for row in rows_of(written(tmp_path)))


def test_a_model_that_was_there_already_is_named_as_such(tmp_path):
    lineage = {"overrides": {}, "artifacts": {"model": {"name": "model-x"}}, "files": {"predictions.parquet": "0"}}
    for number, name in enumerate("ab"):
        write_finished(tmp_path, name, at=FIRST_S + number * DAY_S, lineage=lineage)

    newest, oldest = rows_of(written(tmp_path))

    assert "trained nothing: the model of 2026-09-21 14:13" in newest
    assert "trained a model" in oldest


def test_why_runs_have_no_features_is_said_once(tmp_path):
    lineage = {"overrides": {}, "artifacts": {}, "files": {"predictions.parquet": "0"}}
    for number, name in enumerate("abc"):
        leak = {"reason": "no weights are there"}
        write_finished(tmp_path, name, at=FIRST_S + number * DAY_S, lineage=lineage, leak=leak)

    page = written(tmp_path)

    assert page.count("no weights are there") == 1
    assert all("without label suspects and leak price" in row for row in rows_of(page))


def test_params_that_differ_from_the_preset_are_named(tmp_path):
    lineage = {"overrides": {"epochs": 3}, "artifacts": {}, "files": {"predictions.parquet": "0"}}
    write_finished(tmp_path, lineage=lineage)

    assert "smoke with epochs 3" in rows_of(written(tmp_path))[0]


def test_an_older_schema_is_a_row_that_says_so(tmp_path):
    write_finished(tmp_path, schema_version=0)

    page = written(tmp_path)

    assert "cannot be read metrics.json is of an older schema (0, this code reads" in rows_of(page)[0]
    assert hrefs(page) == ["wine/a/report.html"]


@pytest.mark.parametrize(
    "change",
    [
        lambda metrics: {**metrics, "test": {}},
        lambda metrics: {**metrics, "test": {"product": {"accuracy": {"value": "high"}}, "baseline": {}}},
        lambda _: [],
        lambda _: {"schema_version": 1},
    ],
)
def test_a_damaged_metrics_json_is_a_row_that_says_so(tmp_path, change):
    change_metrics(write_finished(tmp_path), change)

    assert "cannot be read metrics.json is damaged" in rows_of(written(tmp_path))[0]


def test_metrics_json_without_a_manifest_is_a_row_that_says_so(tmp_path):
    folder = write_finished(tmp_path)
    (folder / "manifest.json").unlink()

    assert "cannot be read the folder: no finished artifact stands there" in rows_of(written(tmp_path))[0]


def test_a_damaged_run_leaves_the_others_listed(tmp_path):
    write_finished(tmp_path, "a")
    (write_finished(tmp_path, "b", at=FIRST_S + DAY_S) / "metrics.json").write_text("{")

    assert ["cannot be read" in row for row in rows_of(written(tmp_path))] == [True, False]


def test_predictions_that_cannot_be_read_leave_the_plain_difference(tmp_path):
    write_finished(tmp_path, "a", right=[True] * 10)
    folder = write_finished(tmp_path, "b", right=[False] * 10, at=FIRST_S + DAY_S)
    path = folder / "predictions.parquet"
    path.write_bytes(bytes(path.stat().st_size))

    assert f"{MINUS}100.0" in rows_of(written(tmp_path))[0]
    assert "not paired: predictions.parquet of one of the two cannot be read" in rows_of(written(tmp_path))[0]


def test_predictions_that_can_be_read_again_are_paired(tmp_path):
    write_finished(tmp_path, "a", right=[True] * 10)
    path = write_finished(tmp_path, "b", right=[False] * 10, at=FIRST_S + DAY_S) / "predictions.parquet"
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    written(tmp_path)
    path.write_bytes(whole)

    assert "the same 10 test products" in rows_of(written(tmp_path))[0]


def test_each_change_is_computed_once_and_stored_beside_metrics_json(tmp_path):
    write_finished(tmp_path, "a", right=np.arange(200) % 4 > 0)
    folder = write_finished(tmp_path, "b", right=np.arange(200) % 10 > 0, at=FIRST_S + DAY_S)
    written(tmp_path)
    first = (folder / CHANGE_FILE).stat().st_ino

    page = written(tmp_path)

    stored = json.loads((folder / CHANGE_FILE).read_text())
    assert (folder / CHANGE_FILE).stat().st_ino == first
    assert (stored["how"], stored["num_products"], stored["against_run_id"]) == ("paired", 200, "manual__a")
    assert verify_artifact(folder) == 3
    assert "better" in rows_of(page)[0]


def test_names_from_outside_open_no_element(tmp_path):
    plain = len(Page(written(tmp_path)).elements)
    for number, name in enumerate(HOSTILE):
        write_finished(tmp_path, f"r{number}", f"s{number}", title=name, run_id=name, preset=name)

    page = Page(written(tmp_path))

    assert len(page.elements) > plain
    assert not page.all("script") and not page.all("img")


def test_hidden_folders_and_other_pages_are_no_runs(tmp_path):
    write_finished(tmp_path, ".a.0123.part")
    write_finished(tmp_path, "x", "comparison")

    assert rows_of(written(tmp_path)) == []


def test_many_runs_are_mostly_folded_away(tmp_path):
    for number in range(120):
        right = np.random.default_rng(number).random(20) < 0.8
        write_finished(tmp_path, f"run{number:03d}", ("wine", "bag")[number % 2], right, FIRST_S + number * DAY_S)

    page = written(tmp_path)

    assert len(rows_of(page)) == 120
    assert page.count("<details>") == 2 and "48 older runs" in page
    assert len(page) < 200_000


def test_of_two_machines_whose_runs_end_together_the_index_lists_both(tmp_path, bucket, monkeypatch):
    machines = Machines(tmp_path, f"{bucket}/reports", 2)
    write_finished(machines[0], "a")

    def other_machine(_):
        monkeypatch.setattr(overview, "disk_warning", lambda _: "")
        write_finished(machines[1], "b")
        write_reports_index(machines[1])
        return ""

    monkeypatch.setattr(overview, "disk_warning", other_machine)
    write_reports_index(machines[0])
    assert len(rows_of(machines.store.read("index.html")[0].decode())) == 2
