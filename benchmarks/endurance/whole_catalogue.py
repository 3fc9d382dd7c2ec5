"""Every category as one sample, step by step: `python -m benchmarks.endurance.whole_catalogue`.

    ... [--products 1000000] [--categories 5270] [--preset smoke] [--decode-ahead] [--without features audit]
        [--folder <one that stays>]

Draws a catalogue, and makes the sample `everything` of it, as its DAG does: each step is a process of its own, whose
time, peak memory (of its largest process) and disk are printed, with the time for Kaggle's 7,069,896 products by
proportion. With `--folder` what was made stays, and the next call finds it. With `--decode-ahead` no pixels are held:
each picture is decoded when the network needs it, as where those of an epoch fit neither into memory nor on the disk.
"""

import argparse
import json
import os
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from unittest.mock import patch

from benchmarks.material.measure import Run, run_main, run_step

STEPS = "benchmarks.endurance.whole_catalogue"
SAMPLE, RUN_ID = "everything", "benchmark"
KAGGLE_PRODUCTS = 7_069_896


def draw(catalogue: str, names: str, num_products: str, num_categories: str) -> None:
    """Draw the catalogue."""
    from benchmarks.material.catalogue_of_all import write_catalogue_of_all

    write_catalogue_of_all(Path(catalogue), Path(names), int(num_products), int(num_categories))


def scan(preset: str) -> None:
    """Start the run, and scan the catalogue range by range."""
    from cdiscount_tasks.runs import index_steps
    from cdiscount_tasks.runs.start import start_run

    start_run(SAMPLE, RUN_ID, preset)
    for byte_range in index_steps.plan(SAMPLE, RUN_ID):
        index_steps.scan(SAMPLE, RUN_ID, byte_range)


def _no_room_for_pixels() -> AbstractContextManager[object]:
    """Let no pixels be held in memory or on disk while the block lasts."""
    from cdiscount_tasks.learning.pictures import inputs

    return patch.multiple(inputs, _SHARE_OF_MEMORY=0, _SHARE_OF_DISK=0)


def make(step: str, decode_ahead: str) -> None:
    """Make a step of the run; prints its result in a line, and where it is."""
    import logging

    from cdiscount_tasks.errors import StepLeftOut
    from cdiscount_tasks.runs import steps
    from cdiscount_tasks.runs.run import open_run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    line = None
    with _no_room_for_pixels() if decode_ahead == "True" else nullcontext(), suppress(StepLeftOut):
        line = steps.make(step, SAMPLE, RUN_ID)
    made = open_run(SAMPLE, RUN_ID).folders().get(step)
    print(json.dumps({"line": line or "left out", "path": str(made) if line else None}))


def _disk_bytes(path: str | None) -> int:
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()) if path else 0


def _row(name: str, run: Run, num_products: int) -> str:
    hours = run.wall_s * KAGGLE_PRODUCTS / num_products / 3600
    disk_gb = _disk_bytes(run.said.get("path")) / 1e9
    return (
        f"| {name} | {run.wall_s:,.0f} | {run.cpu_s:,.0f} | {run.peak_mib:,.0f} | {disk_gb:.2f} | {hours:.2f} | "
        f"{run.said.get('line', '')} |"
    )


def _prepare(folder: Path) -> None:
    """Let this process's children work in the folder, and with the project's own sample."""
    kept = {name: value for name, value in os.environ.items() if name == "CDISCOUNT_WEIGHTS"}
    for name in [name for name in os.environ if name.startswith("CDISCOUNT_")]:
        del os.environ[name]
    places = {"CATALOGUE": "catalogue.bson", "CATEGORY_NAMES": "names.csv", "DATA": "data", "REPORTS": "reports"}
    os.environ |= kept | {f"CDISCOUNT_{name}": str(folder / place) for name, place in places.items()}
    (folder / "reports").mkdir(exist_ok=True)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Draw, make each step, print a row for each."""
    from cdiscount_tasks.runs.steps import STEPS as WAY

    catalogue, names = folder / "catalogue.bson", folder / "names.csv"
    if not catalogue.exists():
        run = run_step(STEPS, "draw", catalogue, names, options.products, options.categories)
        print(f"drawn in {run.wall_s:.0f} s: {catalogue.stat().st_size / 1e9:.2f} GB", flush=True)
    _prepare(folder)
    print("| step | wall s | CPU s | peak MiB | disk GB | hours at 7,069,896 | |\n|---|---|---|---|---|---|---|")
    print(_row("scan", run_step(STEPS, "scan", options.preset), options.products), flush=True)
    for step in (step for step in WAY if step.name not in options.without):
        made = run_step(STEPS, "make", step.name, options.decode_ahead)
        print(_row(step.name, made, options.products), flush=True)


def main() -> None:
    """Measure in a folder that stays, or in one that goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--categories", type=int, default=5270)
    parser.add_argument("--preset", default="smoke")
    parser.add_argument("--decode-ahead", action="store_true", help="hold no pixels")
    parser.add_argument("--without", nargs="*", default=[], help="steps that a run can do without")
    parser.add_argument("--folder", type=Path, help="stays; what stands in it already is taken as it is")
    options = parser.parse_args()
    began = time.monotonic()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        measure(options.folder.absolute(), options)
    else:
        with tempfile.TemporaryDirectory(prefix="whole-catalogue-") as scratch:
            measure(Path(scratch), options)
    print(f"all of it took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    run_main(main, draw, scan, make)
