"""The speed of every step, most of them against a peer in the same run: `make bench`.

Prints a table and writes `benchmarks/results.json`. `--only training` measures that one alone, and takes its options;
rows of other benchmarks and parts stay in the file. The other benchmarks (what can be believed, what survives a kill)
are run by name: `python -m benchmarks.<name>`.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import dag_parsing, decoding, index, labels, predictions, report, training

RESULTS_PATH = Path(__file__).parent / "results.json"
SPEED = {
    "index": index.main,
    "labels": labels.main,
    "training": training.main,
    "decoding": decoding.main,
    "predictions": predictions.main,
    "report": report.main,
    "dag_parsing": dag_parsing.main,
}
"""Each takes its own options, and returns what it measured: a row of figures for each part."""


def _lines(name: str, value: Any) -> list[tuple[str, str]]:
    """Return a nested result as rows of a table."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(f"{name}.{key}", inner)]
    if isinstance(value, list):
        return [line for number, inner in enumerate(value) for line in _lines(f"{name}.{number}", inner)]
    return [(name, str(value))]


def keep(path: Path, name: str, parts: dict[str, dict[str, Any]]) -> None:
    """Write what a benchmark measured into the results, beside the rows of other parts and benchmarks."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.platform()}"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows = {part: {"machine": machine, **figures} for part, figures in parts.items()}
    results[name] = {**results.get(name, {}), **rows}
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen benchmark with its options, or every one."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", choices=list(SPEED), help="one benchmark; all other options are its own")
    parser.add_argument("--results", type=Path, default=RESULTS_PATH, help="the file whose rows are replaced")
    options, others = parser.parse_known_args(arguments)
    if others and not options.only:
        parser.error(f"{' '.join(others)}: options of a benchmark need --only with its name ({', '.join(SPEED)})")
    table = []
    for name in [options.only] if options.only else SPEED:
        parts = SPEED[name](others)
        keep(options.results, name, parts)
        table += _lines(name, parts)
    print("| measured | value |\n|---|---|")
    for measured, value in table:
        print(f"| {measured} | {value} |")


if __name__ == "__main__":
    main()
