"""The report of an evaluation over all of the catalogue's categories: `python -m benchmarks.speed.report`.

Makes up the artifacts (400,000 products or as many as asked for, 15 % of them in test, 5,270 classes), writes their
report in a process of its own, and prints time, peak memory and the sizes of what was written.
"""

import argparse
import json
import pickle
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.material.measure import run_main, run_step

STEPS = "benchmarks.speed.report"


def make(folder: str, num_products: str) -> None:
    """Make up the artifacts."""
    from tests.material.synthetic_evaluation import make_evaluation

    evaluation = make_evaluation(Path(folder), int(num_products))
    (Path(folder) / "evaluation.pickle").write_bytes(pickle.dumps(evaluation))


def write(folder: str, out_dir: str) -> None:
    """Write their report."""
    from cdiscount_tasks.stages.report import write_report

    evaluation = pickle.loads((Path(folder) / "evaluation.pickle").read_bytes())
    result = write_report(evaluation.dirs, Path(out_dir), evaluation.config)
    print(json.dumps(result))


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the options, measure, and remove what was written, but for a report that is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=400_000, help="of all splits together; 15 %% are in test")
    parser.add_argument("--keep", type=Path, help="folder where the report stays")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="many-classes-") as scratch:
        out_dir = (options.keep or Path(scratch)) / "everything" / "run"
        run_step(STEPS, "make", Path(scratch) / "artifacts", options.products)
        run = run_step(STEPS, "write", Path(scratch) / "artifacts", out_dir)
        result = {
            "num_classes": 5270,
            "num_test_products": run.said["num_test_products"],
            "wall_s": round(run.wall_s, 1),
            "cpu_s": round(run.cpu_s, 1),
            "peak_mib": round(run.peak_mib),
            "megabytes": {path.name: round(path.stat().st_size / 1e6, 2) for path in sorted(out_dir.glob("*.*"))},
        }
    print("report", json.dumps(result, indent=1), flush=True)
    return {"many_classes": result}


if __name__ == "__main__":
    run_main(main, make, write)
