"""Why a task failed, as its run's tab tells it."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from cdiscount_airflow.failures import REASON_KEY

from tests.plugins.cdiscount_airflow.reports.conftest import PREFIX

DAG_ID, RUN_ID = "cdiscount_wine", "manual__1"
TAB = f"{PREFIX}/dags/{DAG_ID}/runs/{RUN_ID}/"
BEGAN = datetime(2026, 11, 25, 14, 2, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=5)


@pytest.fixture
def run(database, client):
    """Return what adds tasks, what they left and what Airflow noted, and what shows the run's tab."""
    from airflow.models.log import Log
    from airflow.models.xcom import XComModel

    class Run:
        def begin(self, state, **columns):
            database.add_run(DAG_ID, RUN_ID, state, id=7, **columns)

        def task(self, task_id, state, weight=9, **columns):
            columns = {"end_date": ENDED, "priority_weight": weight, **columns}
            database.add_task(DAG_ID, RUN_ID, task_id, state, **columns)

        def left(self, task_id, reason, advice="", map_index=-1):
            row = {"dag_run_id": 7, "task_id": task_id, "key": REASON_KEY, "map_index": map_index}
            row |= {"dag_id": DAG_ID, "run_id": RUN_ID, "value": {"reason": reason, "advice": advice}}
            database.add(XComModel, row)

        def noted(self, event, task_id=None, at=ENDED, extra=None, **columns):
            row = {"dag_id": DAG_ID, "run_id": RUN_ID, "task_id": task_id, "event": event, "dttm": at}
            database.add(Log, {**row, "extra": json.dumps(extra or {}), **columns})

        def shown(self, role="admin"):
            return client(role).get(TAB).text

    return Run()


@pytest.fixture
def failed(run):
    run.begin("failed")
    run.task("train_model", "failed", weight=2, task_display_name="Train the model")
    run.task("write_report", "upstream_failed", task_display_name="Write the report")
    return run


def test_a_failed_task_is_told_with_its_own_sentence_its_advice_and_a_way_to_its_log(failed):
    failed.left("train_model", "MemoryError: no 2 GiB are left", "If it fails for lack of memory, use less")
    page = failed.shown()

    assert "MemoryError: no 2 GiB are left." in page
    assert "If it fails for lack of memory, use less." in page
    log = f'href="../../../../../dags/{DAG_ID}/runs/{RUN_ID}/tasks/train_model">the log of <i>Train the model</i></a>'
    assert log in page


def test_a_run_that_failed_at_its_start_may_be_cleared_after_a_file_was_corrected(run):
    run.begin("failed")
    run.task("resolve_run", "failed", task_display_name="Resolve the run")
    page = run.shown()

    assert "then clear the failed task, which reads everything again" in page
    assert "that it began with" not in page


def test_a_run_that_failed_later_keeps_what_it_began_with(failed):
    page = failed.shown()

    assert "clear the failed task: the run continues from there" in page
    assert "keeps the settings, label fixes, split file and category names that it began with" in page


@pytest.mark.parametrize("place", ["", f"dags/{DAG_ID}/"])
def test_the_lists_say_why_a_run_failed_to_who_may_read_its_logs(failed, client, root_app, auth_manager, place):
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class HidesLogs(SimpleAuthManager):
        def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
            allowed = access_entity != DagAccessEntity.TASK_LOGS or user.role == "admin"
            return allowed and super().is_authorized_dag(
                method=method, user=user, access_entity=access_entity, details=details
            )

    auth_manager(HidesLogs)
    failed.left("train_model", "MemoryError: no 2 GiB are left")

    assert "MemoryError: no 2 GiB are left." in client("admin").get(f"{PREFIX}/{place}").text
    seen = client("viewer").get(f"{PREFIX}/{place}").text
    assert RUN_ID in seen
    assert "MemoryError" not in seen


def test_each_part_of_a_mapped_task_has_its_own_sentence_and_log(run):
    run.begin("failed")
    for place in (0, 1):
        run.task("scan", "failed", map_index=place, rendered_map_index=f"part {place}")
        run.left("scan", f"byte {place} is odd", map_index=place)
    page = run.shown()

    assert "Byte 0 is odd." in page
    assert "Byte 1 is odd." in page
    assert "/tasks/scan/mapped/1" in page


def test_a_process_that_was_killed_is_told_as_that(failed):
    page = failed.shown()

    assert "It ended without giving a reason: its process was killed" in page
    assert "says what is wrong" not in page


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("heartbeat timeout", "Its process was lost"),
        ("state mismatch", "Its process was killed, most often"),
        ("stuck in queued tries exceeded", "No worker took it in time"),
    ],
)
def test_what_airflow_noted_of_a_lost_task_is_told(failed, event, words):
    failed.noted(event, "train_model")

    assert words in failed.shown()


@pytest.mark.parametrize(
    ("event", "task_id", "extra"),
    [
        ("patch_dag_run", None, {"state": "failed", "method": "PATCH"}),
        ("patch_task_instance", "train_model", {"new_state": "failed", "method": "PATCH"}),
        ("bulk_task_instances", None, {"actions": [{"action": "update", "entities": [{"new_state": "failed"}]}]}),
    ],
)
def test_a_run_that_a_person_stopped_is_not_told_as_a_fault(failed, event, task_id, extra):
    failed.noted(event, task_id, owner="ada", extra=extra)
    page = failed.shown()

    assert "Train the model was stopped" in page
    assert "Stopped by ada at 2026-11-25 14:07 UTC" in page
    assert "process was killed" not in page


def test_a_note_that_a_person_changed_is_not_a_stop(failed):
    failed.noted("patch_dag_run", owner="ada", extra={"note": "why has it failed?", "method": "PATCH"})

    assert "Stopped by" not in failed.shown()


def test_what_a_person_stopped_before_the_last_try_is_forgotten(failed):
    failed.noted("patch_dag_run", at=BEGAN - timedelta(hours=1), owner="ada", extra={"state": "failed"})

    assert "Stopped by" not in failed.shown()


def test_a_run_that_was_stopped_before_a_task_began_says_so(run):
    run.begin("failed")
    run.noted("patch_dag_run", owner="ada", extra={"state": "failed"})

    assert "Stopped by ada" in run.shown()


def test_a_reader_without_the_right_to_logs_does_not_see_the_sentence(failed, auth_manager):
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class RefusesLogs(SimpleAuthManager):
        def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
            if access_entity == DagAccessEntity.TASK_LOGS:
                return False
            return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)

    auth_manager(RefusesLogs)
    failed.left("train_model", "the secret sentence")
    page = failed.shown("viewer")

    assert "secret sentence" not in page
    assert "which your account may not read" in page


def test_who_stopped_a_run_is_named_to_those_alone_who_may_see_what_others_did(failed, auth_manager):
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class HidesActions(SimpleAuthManager):
        def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
            if access_entity == DagAccessEntity.AUDIT_LOG:
                return False
            return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)

    auth_manager(HidesActions)
    failed.noted("patch_dag_run", owner="ada", extra={"state": "failed"})
    page = failed.shown("viewer")

    assert "Stopped by a person at 2026-11-25 14:07 UTC" in page
    assert "ada" not in page


def test_a_running_run_tells_why_a_task_is_tried_again(run):
    run.begin("running")
    run.task("train_model", "up_for_retry", task_display_name="Train the model")
    run.left("train_model", "OSError: the disk was busy")
    page = run.shown()

    assert "Train the model failed in try 1 and will be tried again" in page
    assert "OSError: the disk was busy." in page


def test_a_skipped_run_tells_why(run):
    run.begin("success")
    run.task("notice_changes", "skipped", weight=2)
    run.task("write_report", "skipped")
    run.left("notice_changes", "nothing changed since run manual__0")

    assert "This run was skipped: nothing changed since run manual__0." in run.shown()


def test_a_report_that_was_removed_is_not_told_as_skipped_for_what_another_task_was_skipped_for(run):
    run.begin("success")
    run.task("extract_features", "skipped", weight=2)
    run.task("write_report", "success")
    run.left("extract_features", "no pretrained weights")
    page = run.shown()

    assert "This run was skipped:" not in page
    assert "or the report was removed" in page


def test_tasks_are_listed_in_the_dags_order_and_only_finished_ones_count_as_done(run):
    run.begin("failed")
    run.task("write_report", "upstream_failed", weight=4, start_date=BEGAN)
    run.task("audit_labels", "skipped", weight=3, start_date=BEGAN)
    run.task("train_model", "failed", weight=2, start_date=BEGAN + timedelta(minutes=1))
    run.task("fix_labels", "success", weight=1, start_date=BEGAN + timedelta(minutes=2))
    page = run.shown()
    rows = page.partition("<tbody>")[2]

    order = ["fix_labels", "train_model", "audit_labels", "write_report"]
    assert sorted(order, key=rows.index) == order
    assert "1 of 4 tasks done, 1 skipped." in page


def test_what_did_not_run_is_grey(failed):
    page = failed.shown()

    assert re.search('<span class="badge plain">. not run: an earlier task failed</span>', page)
    assert page.count('class="badge no"') == 2  # the run and the task that failed
