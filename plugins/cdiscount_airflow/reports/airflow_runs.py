"""What Airflow knows of runs: read from its database, a few columns by name, in the API server alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.models.deadline import Deadline
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from cdiscount_airflow.failures import BROKEN_TAG
from cdiscount_airflow.links import PAGE_KEY
from cdiscount_airflow.reports.owners import PREFIX
from cdiscount_tasks.pages.overview.rows import STARTED_BY

NUM_NEWEST_RUNS = 200
"""How many runs of a DAG are searched for those without a report."""


@dataclass(frozen=True)
class AirflowRun:
    """A run as Airflow knows it.

    Attributes:
        state: `queued`, `running`, `success` or `failed`.
        queued, started, ended: In UTC; None: not yet.
        run_type: `manual`, `scheduled`, `asset_triggered`, ...
        user: Who triggered it; None: nobody, or Airflow does not know.
        note: What a person noted of it.
    """

    dag_id: str
    run_id: str
    state: str
    queued: datetime | None
    started: datetime | None
    ended: datetime | None
    run_type: str = ""
    user: str | None = None
    note: str | None = None

    @property
    def took_s(self) -> float | None:
        """Return how long it ran, as Airflow's own pages say; None: it has not ended."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()

    @property
    def by(self) -> str:
        """Say who started it."""
        return f"triggered by {self.user}" if self.user else STARTED_BY.get(self.run_type, "")

    @property
    def since(self) -> datetime | None:
        """Return since when the run is in its state."""
        return self.ended or self.started or self.queued


@dataclass(frozen=True)
class AirflowTask:
    """A task of a run.

    Attributes:
        name: As the grid shows it, with the byte range or sample of a mapped one.
        state: Airflow's; None: it has not been looked at.
        tries: How often it was begun.
        started, ended: Of its newest try; None: this try has not begun, or not ended.
        map_index: Of a mapped task's instance; -1: it is not mapped.
    """

    task_id: str
    name: str
    state: str | None
    tries: int
    started: datetime | None
    ended: datetime | None
    map_index: int = -1


_RUN: tuple[Any, ...] = (
    DagRun.dag_id,
    DagRun.run_id,
    DagRun.state,
    DagRun.queued_at,
    DagRun.start_date,
    DagRun.end_date,
    DagRun.run_type,
    DagRun.triggering_user_name,
    DagRunNote.content,
)
_TASK: tuple[Any, ...] = (
    TaskInstance.task_id,
    TaskInstance.task_display_name,
    TaskInstance.rendered_map_index,
    TaskInstance.map_index,
    TaskInstance.state,
    TaskInstance.try_number,
    TaskInstance.start_date,
    TaskInstance.end_date,
    TaskInstance.priority_weight,
)


_NOT_BEGUN = (None, "None", "scheduled", "queued", "upstream_failed")
"""States in which a task's newest try has not begun."""


def _with_notes() -> Any:
    return select(*_RUN).outerjoin(DagRunNote, DagRunNote.dag_run_id == DagRun.id)


def dag_ids() -> list[str]:
    """Return the project's DAGs that have runs."""
    wanted = select(DagRun.dag_id).where(DagRun.dag_id.startswith(PREFIX, autoescape=True)).distinct()
    with create_session() as session:
        return sorted(session.scalars(wanted))


def faults() -> dict[str, str]:
    """Return what is wrong with the files whose place broken DAGs take, by DAG."""
    wanted = select(DagModel.dag_id, DagModel.description).join(DagTag, DagTag.dag_id == DagModel.dag_id)
    wanted = wanted.where(DagTag.name == BROKEN_TAG, DagModel.is_stale.is_(False)).order_by(DagModel.dag_id)
    wanted = wanted.where(DagModel.dag_id.startswith(PREFIX, autoescape=True))
    with create_session() as session:
        return {row[0]: row[1] or "" for row in session.execute(wanted)}


def runs_of(dag_id: str) -> list[AirflowRun]:
    """Return the newest runs of a DAG, the newest first."""
    wanted = _with_notes().where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(NUM_NEWEST_RUNS)
    with create_session() as session:
        return [_run(row) for row in session.execute(wanted)]


def run_of(dag_id: str, run_id: str) -> AirflowRun | None:
    """Return a run, or None if Airflow knows none of that id."""
    wanted = _with_notes().where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        row = session.execute(wanted).one_or_none()
    return _run(row) if row else None


def missed_deadline(run: AirflowRun) -> datetime | None:
    """Return by when a run should have finished, where Airflow has marked that it did not; None: it is not late."""
    wanted = select(Deadline.deadline_time).join(DagRun, DagRun.id == Deadline.dagrun_id)
    wanted = wanted.where(DagRun.dag_id == run.dag_id, DagRun.run_id == run.run_id, Deadline.missed.is_(True))
    with create_session() as session:
        return session.scalars(wanted.order_by(Deadline.deadline_time)).first()


def tasks_of(dag_id: str, run_id: str) -> list[AirflowTask]:
    """Return the tasks of a run in the DAG's order."""
    wanted = select(*_TASK).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    with create_session() as session:
        rows = session.execute(wanted).all()
    # Airflow names the first of a mapped task's instances alone.
    names = {row.task_id: row.task_display_name for row in rows if row.task_display_name != row.task_id}
    # A task weighs as much as must be done before it, so it comes after all that it waits for.
    ordered = sorted(rows, key=lambda row: (row.priority_weight or 0, row.task_id, row.map_index))
    return [_task(row, names.get(row.task_id, row.task_id)) for row in ordered]


def page_of(dag_id: str, run_id: str, task_ids: Iterable[str]) -> str | None:
    """Return the name of the folder that a task wrote its page to; None: no task has noted one."""
    wanted = XComModel.get_many(run_id=run_id, key=PAGE_KEY, task_ids=list(task_ids), dag_ids=dag_id)
    with create_session() as session:
        rows: list[Any] = list(session.scalars(wanted))
        results = [XComModel.deserialize_value(row) for row in rows]
    return next((result for result in results if isinstance(result, str)), None)


def _run(row: Any) -> AirflowRun:
    return AirflowRun(row[0], row[1], str(row[2]), row[3], row[4], row[5], str(row[6]), row[7], row[8])


def _task(row: Any, name: str) -> AirflowTask:
    mapped = "" if row.map_index < 0 else f" ({row.rendered_map_index or row.map_index})"
    state = row.state and str(row.state)
    # Of a task that was cleared, Airflow keeps the times of the try before.
    started, ended = (None, None) if state in _NOT_BEGUN else (row.start_date, row.end_date)
    return AirflowTask(row.task_id, f"{name}{mapped}", state, row.try_number or 0, started, ended, row.map_index)
