"""Two samples triggered four times each at once: one `gpu` slot, never two trainings at a time, no mixed artifacts.

    .venv/bin/python -m benchmarks.endurance.busy_pool [--slots 1] [--times 4] [--products 1500] [--scratch DIR]

A real Airflow of its own (LocalExecutor, free ports, home and data folder in DIR) on a drawn catalogue. Each run has a
seed of its own, so that each of them trains. A DAG has one run at a time, so at most two trainings want the slot at any
moment, one of each sample: the count of those that had to wait shows that they did. With `--slots 2` the same check
finds trainings that overlap, so it can fail.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.runs.run import Run, open_run
from tools.airflow import processes, server
from tools.airflow.api import AirflowApi, wait_until
from tools.airflow.home import password
from tools.verify import verify

SAMPLES = ("wine", "mixed_bag")
ON_GPU = ("train_model", "evaluate_model")
_LONGEST_WAIT_S = 3 * 3600
_WAY = ("sample", "labels", "features", "model", "evaluation", "audit")


class Span(NamedTuple):
    """A stretch of time in which something held the GPU, in seconds since 1970."""

    what: str
    start: float
    stop: float


def overlaps(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Return the pairs of spans that have a moment in common."""
    return [(one, other) for one, other in combinations(spans, 2) if one.start < other.stop and other.start < one.stop]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def task_spans(api: AirflowApi, runs: Sequence[tuple[str, str]]) -> tuple[list[Span], list[float]]:
    """Return when tasks held a slot of the pool, as Airflow has it, and for how long each training waited for one."""
    spans, waits_s = [], []
    for sample, run_id in runs:
        for task in api.task_instances(f"cdiscount_{sample}", run_id):
            if task["task_id"] not in ON_GPU:
                continue
            span = Span(f"{run_id} {task['task_id']}", _seconds(task["start_date"]), _seconds(task["end_date"]))
            spans.append(span)
            if task["task_id"] == "train_model":
                waits_s.append(span.start - _seconds(task["scheduled_when"]))
    return spans, waits_s


def training_spans(runs: Sequence[Run]) -> list[Span]:
    """Return when each model was made, as its manifest has it: written at the end, with the seconds that it took."""
    spans = []
    for run in runs:
        manifest_path = run.folders()["model"] / MANIFEST
        stop = manifest_path.stat().st_mtime
        spans.append(Span(run.config.run_id, stop - read_manifest(manifest_path.parent)["duration_s"], stop))
    return spans


def mixed(run: Run) -> list[str]:
    """Return what of a run's artifacts is not its own: made with another config, or from other artifacts."""
    dirs = {step: path for step, path in run.folders().items() if step in ("index", *_WAY)}
    manifests = {stage: read_manifest(path) for stage, path in dirs.items()}
    wanted = {
        "sample": run.config.draw.model_dump(mode="json"),
        "labels": run.config.labels.model_dump(mode="json"),
        "model": run.config.training.model_dump(mode="json"),
    }
    faults = [f"{stage} has another config" for stage, config in wanted.items() if manifests[stage]["config"] != config]
    for stage in _WAY:
        for name, identity in manifests[stage]["inputs"].items():
            if identity != manifests[name]["identity"]:
                faults.append(f"{stage} was made from another {name}")
    metrics = read_metrics(run.report_dir)
    named = {stage: one["name"] for stage, one in metrics["lineage"]["artifacts"].items() if stage in dirs}
    if metrics["run_id"] != run.config.run_id or named != {stage: path.name for stage, path in dirs.items()}:
        faults.append("its report names others")
    return faults


def _set_environment(scratch: Path, slots: int) -> None:
    """Point everything at folders of this benchmark; no weights, whatever this machine has."""
    for name in [name for name in os.environ if name.startswith(("CDISCOUNT_", "AIRFLOW"))]:
        del os.environ[name]
    folders = {"CDISCOUNT_DATA": "data", "CDISCOUNT_REPORTS": "reports", "KERAS_HOME": "keras"}
    os.environ |= {name: str(scratch / folder) for name, folder in folders.items()}
    os.environ["CDISCOUNT_GPU_SLOTS"] = str(slots)
    # One run of a sample at a time, of two samples: enough for both, and no more.
    os.environ["AIRFLOW__CORE__PARALLELISM"] = "6"
    # No DAG file changes meanwhile: reading them every 20 s takes a third of a core from the runs.
    os.environ["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "600"


def _trigger(api: AirflowApi, times: int) -> list[tuple[str, str]]:
    """Trigger all runs at once, each with a seed of its own, then let the DAGs run."""
    runs: list[tuple[str, str]] = []
    for number in range(times):
        for sample in SAMPLES:
            seed = len(runs) + 1
            runs.append((sample, f"busy__{sample}_{number}"))
            conf = {"preset": "smoke", "epochs": 2, "seed": seed}
            api.trigger(f"cdiscount_{sample}", runs[-1][1], conf, "benchmarks.endurance.busy_pool")
    for sample in SAMPLES:
        api.set_paused(f"cdiscount_{sample}", paused=False)
    return runs


def _states(api: AirflowApi, runs: Sequence[tuple[str, str]]) -> list[str]:
    return [str(api.run(f"cdiscount_{sample}", run_id)["state"]) for sample, run_id in runs]


def _wait(api: AirflowApi, home: Path, components: Any, runs: Sequence[tuple[str, str]]) -> list[str]:
    """Wait until all runs have ended; returns their states."""
    told: list[int] = []

    def ended() -> bool:
        server.check_alive(home, components)
        states = _states(api, runs)
        done = sum(state in ("success", "failed") for state in states)
        if done not in told:
            told.append(done)
            print(f"{datetime.now(UTC):%H:%M:%S}  {done} of {len(runs)} runs have ended", flush=True)
        return done == len(runs)

    wait_until(ended, _LONGEST_WAIT_S, pause_s=3)
    return _states(api, runs)


def run_all(home: Path, times: int) -> tuple[list[tuple[str, str]], list[str], list[Span], list[float]]:
    """Run an Airflow, trigger, wait; returns the runs, their states, and when tasks held the pool and waited for it."""
    port = processes.free_port()
    since = datetime.now(UTC).isoformat()
    with server.started_airflow(home, port, "busy_pool") as components:
        api = AirflowApi(port, password(home))
        server.wait_until_ready(home, api, components, since)
        wait_until(lambda: {f"cdiscount_{sample}" for sample in SAMPLES} <= api.dags().keys(), 120)
        runs = _trigger(api, times)
        states = _wait(api, home, components, runs)
        spans, waits_s = task_spans(api, [run for run, state in zip(runs, states, strict=True) if state == "success"])
    return runs, states, spans, waits_s


def tell(runs: Sequence[tuple[str, str]], states: list[str], spans: list[Span], waits_s: list[float]) -> bool:
    """Print what was found; returns whether all is as it should be."""
    finished = [open_run(*run) for run, state in zip(runs, states, strict=True) if state == "success"]
    trainings = training_spans(finished)
    by_airflow, by_manifest = overlaps(spans), overlaps(trainings)
    faults = [f"{run.config.run_id}: {fault}" for run in finished for fault in mixed(run)]
    models = {run.folders()["model"] for run in finished}
    waited = [wait_s for wait_s in waits_s if wait_s > 2]
    print(f"runs that succeeded: {len(finished)} of {len(runs)}; different models: {len(models)}")
    print(f"trainings that overlap, by the manifests: {len(by_manifest)} pairs")
    print(f"tasks of the pool that overlap, by Airflow's history ({len(spans)} tasks): {len(by_airflow)} pairs")
    print(f"trainings that waited for the slot over 2 s: {len(waited)}; longest {max(waits_s, default=0):.0f} s")
    print(f"artifacts that are not their run's own: {len(faults)}", *faults, sep="\n")
    environment = finished[0].environment if finished else None
    damaged = verify([environment.data_dir, environment.reports_dir]) if environment else 1
    return len(finished) == len(models) == len(runs) and not (by_airflow or by_manifest or faults or damaged)


def main() -> int:
    """Draw, run, check; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=1, help="of the pool gpu")
    parser.add_argument("--times", type=int, default=4, help="runs of each sample")
    parser.add_argument("--products", type=int, default=1500, help="of the drawn catalogue")
    parser.add_argument("--home", type=Path, help="of Airflow; a migrated database in it is used, which is soon begun")
    parser.add_argument("--scratch", help="where the data and Airflow's home are made for the while")
    asked = parser.parse_args()
    processes.end_on_signals()
    with tempfile.TemporaryDirectory(dir=asked.scratch, prefix="busy-pool-") as folder:
        scratch = Path(folder)
        _set_environment(scratch, asked.slots)
        draw = ["-m", "demo", "--out", str(scratch / "data/demo"), "--products", str(asked.products)]
        subprocess.run([sys.executable, *draw], check=True, stdout=subprocess.DEVNULL)
        started = time.monotonic()
        found = run_all(asked.home or scratch / "airflow", asked.times)
        took_s = time.monotonic() - started
        print(f"{asked.slots} slots, {len(found[0])} runs: {took_s:.0f} s with Airflow's start and end")
        return 0 if tell(*found) else 1


if __name__ == "__main__":
    sys.exit(main())
