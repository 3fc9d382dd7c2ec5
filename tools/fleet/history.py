"""Who ran what: each try of each task of a run, from Airflow's own history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tools.airflow.api import AirflowApi


@dataclass(frozen=True)
class Try:
    """One try of a task.

    Attributes:
        task: Its id, with the number of a mapped one.
        machine: Where it ran; empty: nowhere.
        ended: None: it has not ended.
    """

    task: str
    number: int
    queue: str
    machine: str
    state: str
    started: datetime | None
    ended: datetime | None

    @property
    def seconds(self) -> float | None:
        """Return how long it took."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _try(noted: dict[str, Any]) -> Try:
    part = f"[{noted['map_index']}]" if noted["map_index"] >= 0 else ""
    return Try(
        f"{noted['task_id']}{part}",
        int(noted["try_number"]),
        noted["queue"] or "",
        noted["hostname"] or "",
        noted["state"] or "none",
        _time(noted["start_date"]),
        _time(noted["end_date"]),
    )


def tries(api: AirflowApi, dag_id: str, run_id: str) -> list[Try]:
    """Return all tries of a run's tasks, in the order in which they began; what never began comes last."""
    found = []
    for task in api.task_instances(dag_id, run_id):
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}"
        path += f"/{task['map_index']}/tries" if task["map_index"] >= 0 else "/tries"
        found += [_try(noted) for noted in api.call("GET", path)["task_instances"]]
    return sorted(found, key=lambda each: (each.started is None, each.started, each.task, each.number))


def table(rows: Sequence[Try]) -> str:
    """Return the tries as a Markdown table."""
    lines = ["| task | try | queue | machine | state | seconds |", "|---|---|---|---|---|---|"]
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        lines.append(f"| {row.task} | {row.number} | {row.queue} | {row.machine} | {row.state} | {seconds} |")
    return "\n".join(lines)
