"""The report of an evaluation over all of the catalogue's categories: `python -m benchmarks.report`.

Makes up the artifacts (400,000 products, 60,000 of them in test, 5,270 classes), writes their report in a process of
its own, and prints time, peak memory and the sizes of what was written.
"""

import argparse
import json
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for `python benchmarks/report.py`

from benchmarks.measure import run_step

STEPS = "benchmarks.report"


def make(folder: str, num_products: str) -> None:
    """Make up the artifacts."""
    from benchmarks.synthetic_evaluation import make_evaluation

    evaluation = make_evaluation(Path(folder), int(num_products))
    (Path(folder) / "evaluation.pickle").write_bytes(pickle.dumps(evaluation))


def write(folder: str, out_dir: str) -> None:
    """Write their report."""
    from cdiscount_tasks.stages.report import write_report

    evaluation = pickle.loads((Path(folder) / "evaluation.pickle").read_bytes())
    result = write_report(**{f"{stage}_dir": path for stage, path in evaluation.dirs.items()}, out_dir=Path(out_dir),
                          config=evaluation.config)  # fmt: skip
    print(json.dumps(result))


def main(num_products: int = 400_000, keep_dir: Path | None = None) -> dict[str, Any]:
    """Measure, and return what `make bench` prints.

    Args:
        num_products: Of all splits together; 15 % are in test.
        keep_dir: Where the report stays; None: it is thrown away.
    """
    with tempfile.TemporaryDirectory(prefix="many-classes-") as scratch:
        out_dir = (keep_dir or Path(scratch)) / "everything" / "run"
        run_step(STEPS, "make", Path(scratch) / "artifacts", num_products)
        run = run_step(STEPS, "write", Path(scratch) / "artifacts", out_dir)
        return {
            "num_classes": 5270,
            "num_test_products": run.said["num_test_products"],
            "wall_s": round(run.wall_s, 1),
            "cpu_s": round(run.cpu_s, 1),
            "peak_mib": round(run.peak_mib),
            "megabytes": {path.name: round(path.stat().st_size / 1e6, 2) for path in sorted(out_dir.glob("*.*"))},
        }


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(*sys.argv[2:])
    elif sys.argv[1:2] == ["write"]:
        write(*sys.argv[2:])
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--products", type=int, default=400_000)
        parser.add_argument("--keep", type=Path)
        options = parser.parse_args()
        print(json.dumps(main(options.products, options.keep), indent=2))
