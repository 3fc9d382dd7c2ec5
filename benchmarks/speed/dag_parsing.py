"""How long Airflow takes to read the DAG files: `python -m benchmarks.speed.dag_parsing`.

Each file is imported by fresh processes that have imported `airflow.sdk` already, as Airflow does before every task and
every half minute; then the samples' file once more over a folder of 50 YAML files.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.material.measure import median, run_main, run_step
from tests.material.heavy_packages import HEAVY

STEPS = "benchmarks.speed.dag_parsing"
PROJECT_DIR = Path(__file__).resolve().parents[2]
DAG_FILES = ("catalogue", "category_samples", "sample_comparison")
_YAML = """\
name: {name}
title: Sample {number}
description: One of many.
tags: [many]
categories: [1000003437, 1000003400, 1000003402, 1000003404, {category}]
split: {{train: 0.70, validation: 0.15, test: 0.15}}
schedule: {{cron: "{minute} 3 * * 1", on_new_index: true}}
default_preset: baseline
presets:
  smoke:    {{network: small_cnn, image_size: 64, epochs: 8, batch_size: 64}}
  original: {{network: plain_cnn, image_size: 96, epochs: 20}}
  baseline: {{network: small_cnn, image_size: 96, epochs: 30}}
  transfer: {{network: mobilenet_v2, weights: imagenet, image_size: 160, epochs: 20, fine_tune_epochs: 8}}
"""


def write_samples(folder: Path, count: int) -> None:
    """Write as many YAML files as wanted, each as long as those of the project."""
    for number in range(count):
        text = _YAML.format(name=f"sample_{number}", number=number, category=1_000_010_000 + number, minute=number % 60)
        (folder / f"sample_{number}.yaml").write_text(text, encoding="utf-8")


def read(dag_file: str) -> None:
    """Import a DAG file over `airflow.sdk`; tell the seconds and what heavy packages came along."""
    import importlib
    import time

    sys.path[:0] = [str(PROJECT_DIR / "dags"), str(PROJECT_DIR / "plugins")]
    import airflow.sdk

    # The names of `airflow.sdk` are loaded when they are asked for; they are Airflow's time, not the file's.
    for name in ("DAG", "Asset", "AssetAny", "AssetOrTimeSchedule", "CronTriggerTimetable", "Param", "TriggerRule"):
        getattr(airflow.sdk, name)
    for name in ("chain", "dag", "get_current_context", "task", "task_group"):
        getattr(airflow.sdk, name)
    started, cpu_started = time.perf_counter(), time.process_time()
    importlib.import_module(dag_file)
    took = {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu_started}
    print(json.dumps({**took, "heavy": [name for name in HEAVY if name in sys.modules]}))


def _read_often(dag_file: str, rounds: int) -> dict[str, Any]:
    said = [run_step(STEPS, "read", dag_file).said for _ in range(rounds)]
    times = {name: median([one[name] for one in said]) for name in ("wall_s", "cpu_s")}
    return {**times, "heavy": sorted({name for one in said for name in one["heavy"]})}


def measure(folder: Path, rounds: int, num_samples: int) -> dict[str, dict[str, Any]]:
    """Read every DAG file in fresh processes; medians of all rounds."""
    os.environ["AIRFLOW_HOME"] = str(folder / "airflow")
    os.environ.pop("CDISCOUNT_SAMPLES", None)
    files = {dag_file: _read_often(dag_file, rounds) for dag_file in DAG_FILES}
    (folder / "samples").mkdir()
    write_samples(folder / "samples", num_samples)
    os.environ["CDISCOUNT_SAMPLES"] = str(folder / "samples")
    many = _read_often("category_samples", rounds)
    del os.environ["CDISCOUNT_SAMPLES"]
    own = len(list((PROJECT_DIR / "include" / "samples").glob("*.yaml")))
    more_s = many["cpu_s"] - files["category_samples"]["cpu_s"]
    return {
        "files": {"rounds": rounds, **files},
        "many_samples": {
            **many,
            "num_samples": num_samples,
            "cpu_ms_per_sample": round(1e3 * more_s / (num_samples - own), 1),
        },
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the options, measure, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--samples", type=int, default=50)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="parsing-benchmark-") as folder:
        result = measure(Path(folder), options.rounds, options.samples)
    print("dag_parsing", json.dumps(result, indent=1), flush=True)
    return result


if __name__ == "__main__":
    run_main(main, read)
