import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urljoin

import pytest

from tests.plugins.cdiscount_airflow.reports.conftest import PREFIX, RUN, SCRIPT, WINE


def test_a_run_leads_to_its_report_though_its_id_holds_colons_and_a_plus(client):
    answer = client().get(RUN)

    assert answer.status_code == 307
    assert urljoin(RUN, answer.headers["location"]) == f"{WINE}/report.html"


def test_a_run_that_nobody_knows_is_told(client):
    answer = client().get(f"{PREFIX}/dags/cdiscount_wine/runs/manual__x/")

    assert answer.status_code == 404
    assert "Airflow has no run manual__x" in answer.text


def ask_state(client, database, state, *tasks, run_id="manual__2026-11-25T16:00:00+00:00"):
    database.add_run("cdiscount_wine", run_id, state)
    for task_id, name, of_task, columns in tasks:
        database.add_task("cdiscount_wine", run_id, task_id, of_task, task_display_name=name, **columns)
    return client().get(f"{PREFIX}/dags/cdiscount_wine/runs/{quote(run_id, safe='')}/")


def test_a_running_run_tells_which_task_runs(client, database):
    answer = ask_state(
        client,
        database,
        "running",
        ("fix_labels", "Fix the labels", "success", {}),
        ("train_model", "Train the model", "running", {"try_number": 2}),
        ("write_report", "Write the report", None, {"start_date": None}),
    )

    assert answer.status_code == 200
    assert "Running now: <b>Train the model</b> since 2026-11-25 14:02 UTC, try 2" in answer.text
    assert "1 of 3 tasks done" in answer.text


@pytest.mark.parametrize("missed", [True, False])
def test_a_run_that_missed_its_deadline_is_late_in_its_own_tab(client, database, missed):
    from airflow.models.deadline import Deadline

    at = datetime(2026, 11, 26, 4, 2, tzinfo=UTC)
    row = {"id": uuid.uuid4(), "callback_id": uuid.uuid4(), "dagrun_id": 7, "deadline_time": at, "missed": missed}
    database.add(Deadline, {**row, "created_at": at, "last_updated_at": at})
    run_id = "manual__2026-11-25T16:00:00+00:00"
    database.add_run("cdiscount_wine", run_id, "running", id=7)
    database.add_run("cdiscount_wine", "manual__other", "running", id=8)

    late, other = (
        client().get(f"{PREFIX}/dags/cdiscount_wine/runs/{quote(one, safe='')}/").text
        for one in (run_id, "manual__other")
    )

    assert ("Late: this run should have finished by 2026-11-26 04:02 UTC. It continues." in late) == missed
    assert "Late:" not in other


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "upstream_failed"])
def test_a_cleared_task_that_has_not_begun_again_shows_no_times_of_the_try_before(client, database, state):
    began, ended = datetime(2026, 11, 25, 9, 7, tzinfo=UTC), datetime(2026, 11, 25, 9, 9, tzinfo=UTC)
    times = {"start_date": began, "end_date": ended}
    answer = ask_state(
        client,
        database,
        "running",
        ("fix_labels", "Fix the labels", "success", {**times, "start_date": began - timedelta(hours=1)}),
        ("train_model", "Train the model", state, times),
    )

    assert "2026-11-25 08:07" in answer.text
    assert answer.text.count("2026-11-25 09:09") == 1
    assert "2026-11-25 09:07" not in answer.text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "Queued: no report yet"),
        ("success", "its report is not in the reports folder"),
        ("failed", "None of its tasks failed"),
    ],
)
def test_a_run_without_tasks_tells_its_state(client, database, state, words):
    assert words in ask_state(client, database, state).text


def test_names_from_outside_are_text(client, database):
    answer = ask_state(client, database, "running", ("odd", SCRIPT, "running", {}), run_id="manual__<b>")

    assert SCRIPT not in answer.text
    assert "manual__&lt;b&gt;" in answer.text


def test_a_run_of_the_catalogue_leads_to_the_page_that_its_task_noted(client, database):
    from airflow.models.xcom import XComModel

    database.add_run("cdiscount_catalogue", "manual__c", "success", id=7)
    row = {"dag_run_id": 7, "task_id": "write_catalogue_page", "key": "page", "map_index": -1}
    row |= {"dag_id": "cdiscount_catalogue", "run_id": "manual__c"}
    database.add(XComModel, {"value": "0123abcd", **row})
    answer = client().get(f"{PREFIX}/dags/cdiscount_catalogue/runs/manual__c/")

    assert answer.headers["location"] == "../../../../files/catalogue/0123abcd/catalogue.html"
