"""Runs on a fleet: begun, watched to their end, and what they made, file by file."""

import io
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import xxhash

from cdiscount_tasks.artifacts.manifest import read_manifest
from tools.airflow.api import AirflowApi, wait_until
from tools.airflow.home import ToolError
from tools.fleet.fleet import Fleet
from tools.fleet.history import Try, table, tries

_FINISHED = ("success", "failed")
_OF_THE_CATALOGUE = ("catalogue.bson", "category_names.csv", "catalogue.drawn.json")
_MODEL, _HISTORY = "model.keras", "history.parquet"
"""Files of a model that hold times: two trainings to the same weights write different bytes."""


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    Attributes:
        seconds: From its trigger to its end, by Airflow's own clock.
        log_dir: With a folder for each task.
    """

    state: str
    seconds: float
    tries: list[Try]
    log_dir: Path

    def of(self, task: str) -> list[Try]:
        """Return the tries of a task, of all parts of a mapped one."""
        return [one for one in self.tries if one.task.partition("[")[0].rpartition(".")[2] == task]


def begin(fleet: Fleet, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
    """Trigger a run; its DAG takes no other by itself before.

    Raises:
        ToolError: If Airflow has no such DAG.
    """
    api = fleet.api
    if not wait_until(lambda: dag_id in api.dags() or api.import_errors(), 120) or dag_id not in api.dags():
        raise ToolError("\n".join([f"Airflow has no DAG {dag_id}", *api.import_errors()]))
    api.trigger(dag_id, run_id, conf, "")
    api.set_paused(dag_id, paused=False)


def patient(ask: Any, timeout_s: float = 180) -> Any:
    """Ask the API again while it cannot answer, as while its database restarts."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return ask()
        except (OSError, ToolError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def wait_for_task(fleet: Fleet, dag_id: str, run_id: str, task: str, states: tuple[str, ...], timeout_s: float) -> None:
    """Wait until a task, or a part of a mapped one, is in one of some states.

    Raises:
        ToolError: If the run fails before, or it takes too long; with the run's tasks.
    """
    api = fleet.api

    def is_there() -> bool:
        fleet.check()
        if patient(lambda: api.run(dag_id, run_id)["state"]) == "failed":
            raise ToolError(f"{run_id} has failed before {task}:\n{_tasks(api, dag_id, run_id)}")
        found = patient(lambda: api.task_instances(dag_id, run_id))
        return any(one["task_id"].rpartition(".")[2] == task and one["state"] in states for one in found)

    if not wait_until(is_there, timeout_s, 0.2):
        raise ToolError(f"{task} was not {' or '.join(states)} in {timeout_s:.0f} s:\n{_tasks(api, dag_id, run_id)}")


def _tasks(api: AirflowApi, dag_id: str, run_id: str) -> str:
    return table(tries(api, dag_id, run_id))


def wait_for_end(fleet: Fleet, dag_id: str, run_id: str, timeout_s: float) -> Ended:
    """Wait until a run has ended, well or not.

    Raises:
        ToolError: If it takes too long; with who ran what.
    """
    api = fleet.api

    def is_over() -> bool:
        fleet.check()
        return patient(lambda: api.run(dag_id, run_id)["state"]) in _FINISHED

    if not wait_until(is_over, timeout_s, 1):
        raise ToolError(f"{run_id} did not end in {timeout_s:.0f} s:\n{_tasks(api, dag_id, run_id)}")
    # A scheduled run must not begin on what is moved next.
    api.set_paused(dag_id, paused=True)
    for run in api.unfinished_runs(dag_id):
        api.fail_run(dag_id, run["dag_run_id"])
    run = api.run(dag_id, run_id)
    log_dir = fleet.root / "shared" / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
    return Ended(run["state"], float(run["duration"]), tries(api, dag_id, run_id), log_dir)


def set_aside(fleet: Fleet, name: str) -> None:
    """Move all that was made of the demo's catalogue away, so that a run makes everything anew."""
    aside = fleet.root / "shared" / name
    aside.mkdir()
    for path in sorted((fleet.data_dir / "demo").iterdir()):
        if path.name not in _OF_THE_CATALOGUE:
            path.rename(aside / path.name)


def _hash_of_weights(path: Path) -> str:
    """Return the hash of a model's arrays by name, bit by bit."""
    digest = xxhash.xxh3_128()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name} {item.dtype} {item.shape}".encode())
            digest.update(item[()].tobytes())

    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(add)
    return digest.hexdigest()


def hashes(work_dir: Path) -> dict[str, str]:
    """Return the hash of each file of each finished artifact; of a model's file, that of its weights.

    Args:
        work_dir: The folder of the data root that the runs work in.
    """
    found = {}
    for manifest in sorted(work_dir.glob("**/manifest.json")):
        artifact = manifest.parent
        for name, file in read_manifest(artifact)["files"].items():
            path = artifact / name
            if path.name != _HISTORY:
                is_model = path.name == _MODEL
                found[str(path.relative_to(work_dir))] = _hash_of_weights(path) if is_model else str(file["xxh3_128"])
    return found
