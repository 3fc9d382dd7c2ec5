"""What the demo tells while its runs go on: a line for each task that starts or ends, a failed task's last words."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.airflow.api import AirflowApi

_TOLD_STATES = {"running", "success", "failed", "up_for_retry", "skipped", "upstream_failed"}
_FINISHED = {"success", "failed"}
_NUM_LAST_WORDS = 12


@dataclass
class RunWatch:
    """A DAG run being watched, and what was told of it so far."""

    dag_id: str
    run_id: str
    title: str
    told: dict[tuple[str, int], str] = field(default_factory=dict)
    state: str = "queued"


def clock(seconds: float) -> str:
    """Return minutes and seconds, as `1:07`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _name(task: dict[str, Any]) -> str:
    part = f" [{task.get('rendered_map_index') or task['map_index']}]" if task["map_index"] >= 0 else ""
    return f"{task['task_id']}{part}"


def _in_order(task: dict[str, Any]) -> tuple[str, int]:
    return task.get("start_date") or "9", task["map_index"]


def tell_changes(api: AirflowApi, run: RunWatch, started: float, say: Callable[[str], None]) -> None:
    """Say which tasks of a run have changed since the last look, each in a line."""
    run.state = api.run(run.dag_id, run.run_id)["state"]
    for task in sorted(api.task_instances(run.dag_id, run.run_id), key=_in_order):
        key, state = (task["task_id"], task["map_index"]), task["state"]
        if state not in _TOLD_STATES or run.told.get(key) == state:
            continue
        run.told[key] = state
        took = f"  {task['duration']:.1f} s" if state in _FINISHED and task.get("duration") else ""
        say(f"{clock(time.monotonic() - started):>6}  {run.title:<10} {_name(task):<28} {state}{took}")


def watch(api: AirflowApi, runs: list[RunWatch], say: Callable[[str], None], check: Callable[[], None]) -> None:
    """Tell the runs' progress until all have finished.

    Args:
        api: A signed-in client.
        runs: What was triggered.
        say: Prints a line.
        check: Called at each look; raises if there is no more use in waiting.
    """
    started = time.monotonic()
    while any(run.state not in _FINISHED for run in runs):
        check()
        for run in runs:
            if run.state not in _FINISHED:
                tell_changes(api, run, started, say)
        time.sleep(1)


def _event(line: str) -> str | None:
    """Return what a person wants of a line of a task's log, which is JSON; None: nothing."""
    try:
        noted = json.loads(line)
    except ValueError:
        return line
    reasons = [f"{reason['exc_type']}: {reason['exc_value']}" for reason in noted.get("error_detail") or []]
    return " | ".join([str(noted.get("event", "")), *reasons]) or None


def last_words(home: Path, run: RunWatch, task: dict[str, Any]) -> str:
    """Return the end of a task's log."""
    folder = home / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    path = folder / f"attempt={task['try_number']}.log"
    if not path.exists():
        return f"(no log at {path})"
    events = filter(None, map(_event, path.read_text(encoding="utf-8", errors="replace").splitlines()))
    return "\n".join(["", f"the end of {path}:", *list(events)[-_NUM_LAST_WORDS:]])


def failures(api: AirflowApi, home: Path, run: RunWatch) -> str:
    """Return the last words of each failed task of a run."""
    tasks = [task for task in api.task_instances(run.dag_id, run.run_id) if task["state"] == "failed"]
    told = [f"{run.dag_id}: {_name(task)} failed{last_words(home, run, task)}" for task in tasks]
    return "\n\n".join(told) or f"{run.dag_id} failed without a failed task"
