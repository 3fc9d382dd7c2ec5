"""All measurements, one after another: `make bench`. Prints a table and writes `benchmarks/results.json`.

`make bench ARGS="--only training"` measures that one alone; what stands of the others stays in the file.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks import dag_parsing, index, labels, report, training

RESULTS_PATH = Path(__file__).parent / "results.json"
BENCHMARKS = {
    "index": index.main,
    "labels": labels.main,
    "training": training.main,
    "report": report.main,
    "dag_parsing": dag_parsing.main,
}


def _lines(name: str, value: Any) -> list[tuple[str, str]]:
    """Return a nested result as rows of a table."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(f"{name}.{key}", inner)]
    if isinstance(value, list):
        return [line for number, inner in enumerate(value) for line in _lines(f"{name}.{number}", inner)]
    return [(name, str(value))]


def main() -> None:
    """Run the chosen benchmarks, or every one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="may be given several times")
    only = parser.parse_known_args()[0].only
    results = {name: BENCHMARKS[name]() for name in only or BENCHMARKS}
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    standing = json.loads(RESULTS_PATH.read_text(encoding="utf-8")) if only else {}
    told = {**standing, "machine": machine, **results}
    RESULTS_PATH.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print("| measured | value |\n|---|---|")
    for name, result in results.items():
        for line in _lines(name, result):
            print(f"| {line[0]} | {line[1]} |")


if __name__ == "__main__":
    main()
