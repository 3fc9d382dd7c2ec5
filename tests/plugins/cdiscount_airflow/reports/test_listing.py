import json
import re
import shutil
from datetime import UTC, datetime

import pytest

from cdiscount_tasks.reports.folders import CHAMPION_NOTE, DECISIONS_NOTE, SKIP_NOTE
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.comparison import comparison_folder
from cdiscount_tasks.runs.folders import run_folder
from tests.material.finished_reports import finish_at, write_finished
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, PAGES, PREFIX, SCRIPT, write_page


def test_of_the_same_samples_the_newest_comparison_is_listed(client, reports_dir):
    facts = {"title": "Wine and Mixed bag", "origin": "file", "answer": "Newer.", "samples": ["wine", "mixed_bag"]}
    old_dir = reports_dir / "comparison" / "wine-mixed_bag"
    write_page(old_dir, "comparison", "comparison.html", {**facts, "answer": "Older."})
    finish_at(old_dir, 1_790_000_000)
    write_page(
        reports_dir / "comparison" / comparison_folder(["wine", "mixed_bag"]), "comparison", "comparison.html", facts
    )

    listed = client("admin").get(f"{PREFIX}/").text

    assert "Newer." in listed and "Older." not in listed
    assert client("admin").get(f"{PREFIX}/files/comparison/wine-mixed_bag/comparison.html").status_code == 200


def test_the_list_says_of_a_change_what_the_file_says(client, reports_dir):
    for name, every, at in (("a", 4, 1_790_000_000), ("b", 10, 1_790_100_000)):
        right = [number % every > 0 for number in range(200)]
        write_finished(reports_dir, name, "tea", right=right, at=at, title="Tea")
    write_reports_index(reports_dir)
    told = "<b>+15.0</b>"

    shown, written = client("admin").get(f"{PREFIX}/").text, (reports_dir / "index.html").read_text("utf-8")

    cells = [re.search(f'<td class="change">{re.escape(told)}.*?</td>', page)[0] for page in (shown, written)]
    assert cells[0] == cells[1]
    assert "better" in cells[0] and "the same 200 test products" in cells[0]


def test_a_decision_is_listed_though_the_report_was_read_before_it(client, reports_dir):
    folder = write_finished(reports_dir, "a", "tea", title="Tea")
    assert "refused by ann" not in client("admin").get(f"{PREFIX}/").text
    for name, note in (
        (DECISIONS_NOTE, {"a": {"decision": 7, "outcome": "not promoted: refused by ann"}}),
        (CHAMPION_NOTE, {"report": "tea/a", "since": "2026-11-27T01:02:03+00:00", "decision": 8}),
    ):
        (folder.parent / name).write_text(json.dumps(note))
    listed = client("admin").get(f"{PREFIX}/").text
    assert "<b>not promoted: refused by ann (decision 7)</b>" in listed
    assert "since 2026-11-27 01:02, decision 8" in listed


def test_a_list_tells_who_triggered_a_run_its_note_and_how_long_it_took(client, database):
    from airflow.models.dagrun import DagRunNote

    ended = datetime(2026, 11, 25, 14, 4, 43, tzinfo=UTC)
    database.add_run("cdiscount_wine", FINISHED, "success", id=7, end_date=ended, triggering_user_name="ada")
    at = datetime(2026, 11, 25, tzinfo=UTC)
    database.add(DagRunNote, {"dag_run_id": 7, "content": f"two epochs? {SCRIPT}", "created_at": at, "updated_at": at})

    page = client().get(f"{PREFIX}/dags/cdiscount_wine/").text

    assert "triggered by ada" in page
    assert "two epochs? &lt;script&gt;" in page and SCRIPT not in page
    assert "this run took 2 min 43 s" in page
    assert "adds up all steps" in page


@pytest.mark.parametrize(
    ("state", "ended", "on_top"),
    [
        ("failed", datetime(2026, 1, 1, tzinfo=UTC), False),
        ("failed", datetime(2126, 1, 1, tzinfo=UTC), True),
        ("success", datetime(2126, 1, 1, tzinfo=UTC), False),
        ("running", None, True),
    ],
)
def test_only_a_run_that_is_news_stands_above_the_finished_ones(client, database, state, ended, on_top):
    database.add_run("cdiscount_wine", "manual__other", state, end_date=ended)

    page = client().get(f"{PREFIX}/dags/cdiscount_wine/").text

    assert (page.index("manual__other") < page.index("above the baseline")) is on_top
    assert ("1 earlier run without a report" in page) is not on_top


def test_a_list_tells_which_run_was_skipped_and_why(no_mixed_bag, client, database, reports_dir):
    for sample in ("wine", "mixed_bag"):
        note = {"run_id": "scheduled__1", "at": "2126-11-26T03:00:00+00:00", "reason": f"nothing changed in {sample}"}
        (reports_dir / sample / SKIP_NOTE).write_text(json.dumps(note), encoding="utf-8")

    page = client("viewer").get(f"{PREFIX}/").text

    assert "nothing changed in wine" in page
    assert "nothing changed in mixed_bag" not in page


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("their_dag", "This DAG writes no reports."),
        ("cdiscount_tea", "Press <b>Trigger</b> and choose a preset"),
        ("cdiscount_catalogue", "Press Trigger: the run writes a page of what the catalogue holds."),
        ("cdiscount_sample_comparison", "Let two samples finish a run of the same preset, then press Trigger."),
    ],
)
def test_an_empty_list_says_what_to_do(client, reports_dir, dag_id, words):
    for page in ("catalogue", "comparison"):
        shutil.rmtree(reports_dir / page)
    answer = client().get(f"{PREFIX}/dags/{dag_id}/")

    assert answer.status_code == 200
    assert words in answer.text


def test_the_list_of_a_broken_sample_begins_with_what_is_wrong_with_its_file(client, database):
    from airflow.models.dag import DagModel, DagTag

    sentence = "wine.yaml: titel is not a known setting; did you mean title?"
    row = {"is_paused": False, "is_stale": False, "max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0}
    row |= {"bundle_name": "dags", "has_task_concurrency_limits": False}
    database.add(DagModel, {**row, "dag_id": "cdiscount_wine", "description": sentence, "timetable_type": ""})
    database.add(DagTag, {"dag_id": "cdiscount_wine", "name": "broken"})
    for path in PAGES[:3]:
        page = client().get(path).text
        assert sentence in page
        assert page.index(sentence) < page.index(run_folder(FINISHED))
    assert sentence not in client().get(f"{PREFIX}/dags/cdiscount_mixed_bag/").text


def test_a_broken_sample_without_a_run_has_no_empty_heading(client, database):
    from airflow.models.dag import DagModel, DagTag

    row = {"is_paused": False, "is_stale": False, "max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0}
    row |= {"bundle_name": "dags", "has_task_concurrency_limits": False}
    database.add(DagModel, {**row, "dag_id": "cdiscount_tea", "description": "tea.yaml is odd", "timetable_type": ""})
    database.add(DagTag, {"dag_id": "cdiscount_tea", "name": "broken"})
    page = client().get(f"{PREFIX}/dags/cdiscount_tea/").text

    (heading,) = re.findall("<h2[^>]*>(.*?)</h2>", page)
    assert heading.endswith("file is broken")
