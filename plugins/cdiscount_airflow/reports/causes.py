"""Why tasks failed or were skipped: what they left themselves, and where they could not, what Airflow noted of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow.models.log import Log
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import or_, select

from cdiscount_airflow.failures import REASON_KEY
from cdiscount_airflow.reports.airflow_runs import AirflowRun, AirflowTask

BY_HAND = (
    "patch_task_instance",
    "patch_task_group_instances",
    "bulk_task_instances",
    "patch_dag_run",
    "bulk_dag_runs",
)
"""The events of Airflow's audit log with which a person sets a state."""

OF_AIRFLOW = {
    "heartbeat timeout": "Its process was lost: its machine was restarted or switched off, or the process was "
    "killed, most often for lack of memory.",
    "state mismatch": "Its process was killed, most often for lack of memory, or its machine was lost.",
    "stuck in queued tries exceeded": "No worker took it in time. Check that a worker runs, and that its pool has a "
    "free slot.",
    "fail task": "Airflow stopped it because a different task of the run had failed.",
}
"""The events with which Airflow itself ends a task, as sentences."""

WITHOUT_REASON = (
    "It ended without giving a reason: its process was killed, most often for lack of memory, or it failed before its "
    "own work began. The last lines of its log show how far it came."
)
_SLACK = timedelta(seconds=30)
"""A state that a person sets is written a moment after the audit log's line."""


@dataclass(frozen=True)
class Cause:
    """Why a task ended.

    Attributes:
        sentence: What happened; empty: the reader may not see it.
        advice: What to do; empty where the sentence says so.
        by_hand: A person ended it.
    """

    sentence: str
    advice: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class _Event:
    name: str
    at: datetime
    task_id: str | None
    map_index: int | None
    owner: str
    extra: str


def _reasons(run: AirflowRun) -> dict[tuple[str, int], Mapping[str, str]]:
    """Return what the tasks left, by task and map index."""
    wanted = XComModel.get_many(run_id=run.run_id, key=REASON_KEY, dag_ids=run.dag_id)
    with create_session() as session:
        rows: list[Any] = list(session.scalars(wanted))
        left = {(row.task_id, row.map_index): XComModel.deserialize_value(row) for row in rows}
    return {place: one for place, one in left.items() if isinstance(one, dict)}


def _events(run: AirflowRun) -> list[_Event]:
    """Return what the audit log has of the ends of a run's tasks, the newest first."""
    columns = (Log.event, Log.dttm, Log.task_id, Log.map_index, Log.owner, Log.extra)
    wanted = (
        select(*columns)
        .where(Log.dag_id.in_([run.dag_id, "~"]), Log.event.in_([*BY_HAND, *OF_AIRFLOW]))
        .where(or_(Log.run_id == run.run_id, Log.extra.contains(run.run_id, autoescape=True)))
        .order_by(Log.id.desc())
    )
    with create_session() as session:
        rows = session.execute(wanted).all()
    return [_Event(row[0], row[1], row[2], row[3], row[4] or "", row[5] or "") for row in rows if row[1]]


def _sets_failed(event: _Event) -> bool:
    """Tell whether a person's request set the state `failed`; a note that is changed comes as the same event."""
    try:
        sent = json.loads(event.extra)
    except ValueError:
        return False
    return event.name in BY_HAND and '"failed"' in json.dumps([sent])


def _is_of(event: _Event, task: AirflowTask) -> bool:
    """Tell whether an event is about a task's last try."""
    if event.task_id not in (None, task.task_id) or event.map_index not in (None, -1, task.map_index):
        return False
    begins, ends = task.started or event.at, task.ended or event.at
    return begins - _SLACK <= event.at <= ends + _SLACK


def _by_hand(event: _Event, name_person: bool) -> Cause:
    who = f"by {event.owner}" if name_person and event.owner else "by a person"
    return Cause(
        f"Stopped {who} at {event.at:%Y-%m-%d %H:%M} UTC: it was marked as failed.",
        "Clear the task, and the run continues from there.",
        by_hand=True,
    )


class Causes:
    """Why the tasks of a run ended as they did.

    Args:
        run: The run.
        name_person: Whether the reader may see who did something.
    """

    def __init__(self, run: AirflowRun, *, name_person: bool) -> None:
        self._reasons, self._events, self._name_person = _reasons(run), _events(run), name_person

    def of(self, task: AirflowTask) -> Cause:
        """Return why a task failed, or waits for its next try."""
        own = [event for event in self._events if _is_of(event, task)]
        stopped = next(filter(_sets_failed, own), None)
        if stopped is not None:
            return _by_hand(stopped, self._name_person)
        left = self._reasons.get((task.task_id, task.map_index))
        if left is not None:
            return Cause(str(left.get("reason", "")), str(left.get("advice", "")))
        sentence = next((OF_AIRFLOW[event.name] for event in own if event.name in OF_AIRFLOW), WITHOUT_REASON)
        return Cause(sentence, "Clear the task: what is finished is used again.")

    def of_failed_run(self, tasks: Sequence[AirflowTask]) -> str:
        """Say in a sentence why a run failed: why its first failed task did, or why it was ended itself."""
        failed = next((task for task in tasks if task.state == "failed"), None)
        cause = self.of_run() if failed is None else self.of(failed)
        return cause.sentence if cause else ""

    def of_skipped(self, tasks: Sequence[AirflowTask]) -> str:
        """Return why the task that writes a run's page was skipped; empty: it was not, or nothing says why."""
        if not any(task.task_id.startswith("write_") and task.state == "skipped" for task in tasks):
            return ""
        places = [(task.task_id, task.map_index) for task in tasks if task.state == "skipped"]
        return next((str(self._reasons[place].get("reason", "")) for place in places if place in self._reasons), "")

    def of_run(self) -> Cause | None:
        """Return why the run itself failed though none of its tasks did; None: Airflow noted nothing."""
        stopped = next((event for event in self._events if event.task_id is None and _sets_failed(event)), None)
        return None if stopped is None else _by_hand(stopped, self._name_person)
