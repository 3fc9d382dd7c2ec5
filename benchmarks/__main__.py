"""All measurements, one after another: `make bench`. Prints a table and writes `benchmarks/results.json`."""

import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks import index, labels, report, training

RESULTS_PATH = Path(__file__).parent / "results.json"
BENCHMARKS = {"index": index.main, "labels": labels.main, "training": training.main, "report": report.main}


def _lines(name: str, value: Any) -> list[tuple[str, str]]:
    """Return a nested result as rows of a table."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(f"{name}.{key}", inner)]
    if isinstance(value, list):
        return [line for number, inner in enumerate(value) for line in _lines(f"{name}.{number}", inner)]
    return [(name, str(value))]


def main() -> None:
    """Run every benchmark."""
    results = {name: measure() for name, measure in BENCHMARKS.items()}
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    RESULTS_PATH.write_text(json.dumps({"machine": machine, **results}, indent=2) + "\n", encoding="utf-8")
    print("| measured | value |\n|---|---|")
    for name, result in results.items():
        for line in _lines(name, result):
            print(f"| {line[0]} | {line[1]} |")


if __name__ == "__main__":
    main()
