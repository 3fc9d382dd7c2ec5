"""How often 95 % intervals cover the truth, in simulated test sets whose products come in groups.

`python -m benchmarks.belief.interval_coverage` (20 minutes; `--repeats 100` for a look) prints the tables of
docs/measurements.md. With `--write` it writes how often the report's interval covered into `coverage.json`, which the
report reads.

The truth is what a report claims: the accuracy that the model would have on the whole population of products that the
test groups are drawn from, each product counting once. A simulated test set has a fixed number of groups, drawn anew
each time. 37 % of its products are copies of another one of their group, as of the catalogue's images; most groups
have one product, the largest 20 (Zipf's law). With the probability `correlation` all products of a group are right or
wrong together, else each by itself. A product has 1 to 4 images as in the catalogue; an image is judged as its product
with the probability `correlation`, else by itself. In every second cell one more group holds 10 % of the products.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.material.measure import keep_part
from cdiscount_tasks.pages.report.coverage import COVERAGE_PATH
from tests.material.drawn_test_sets import (
    ACCURACIES,
    BOOTSTRAPS,
    GOAL,
    METHODS,
    NUMS_GROUPS,
    SCORE,
    Cell,
    cells,
    measure,
)


def _print_row(cell: Cell, result: dict[str, tuple[float, float]]) -> None:
    values = " | ".join(f"{100 * covered:.1f} ({width:.3f})" for covered, width in result.values())
    large = "10 %" if cell.has_large_group else "none"
    print(f"| {cell.correlation} | {large} | {cell.accuracy:.2f} | {cell.num_groups:,} | {values} |", flush=True)


def _print_methods(results: dict[Cell, dict[str, tuple[float, float]]], names: list[str]) -> None:
    """Print how each method did in the cells that the goal is set for, and in all."""
    aimed = [cell for cell in results if cell.num_groups >= 300 and cell.accuracy <= 0.90]
    print(f"| method | {len(aimed)} cells of the goal | within it | all {len(results)} cells | within it |")
    print("|---|---|---|---|---|")
    for name in names:
        columns = []
        for chosen in (aimed, list(results)):
            covered = np.array([results[cell][name][0] for cell in chosen])
            met = ((covered >= GOAL[0]) & (covered <= GOAL[1])).sum()
            columns += [f"{100 * covered.min():.1f} to {100 * covered.max():.1f} %", str(met)]
        print(f"| {name} | {' | '.join(columns)} |")


def _of_report(results: dict[Cell, dict[str, tuple[float, float]]]) -> list[dict[str, Any]]:
    """Return the least and the most that the report's interval covered, by number of groups and accuracy."""
    found = []
    for num_groups in NUMS_GROUPS:
        for accuracy in ACCURACIES:
            same = [result[SCORE][0] for cell, result in results.items() if cell[:2] == (num_groups, accuracy)]
            found.append({"num_groups": num_groups, "accuracy": accuracy, "least": min(same), "most": max(same)})
    return found


def main() -> None:
    """Read the options, simulate, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1_000)
    parser.add_argument("--without-bootstraps", action="store_true", help="a minute instead of 15")
    parser.add_argument("--write", type=Path, nargs="?", const=COVERAGE_PATH, help="the file, if another one")
    options = parser.parse_args()
    names = [*METHODS, *(() if options.without_bootstraps else BOOTSTRAPS)]
    print(f"| correlation | large group | accuracy | groups | {' | '.join(names)} |")
    print("|" + "---|" * (len(names) + 4))
    results = {}
    for cell in cells():
        results[cell] = measure(cell, options.repeats, not options.without_bootstraps)
        _print_row(cell, results[cell])
    print()
    _print_methods(results, names)
    of_report = _of_report(results)
    print("\n| groups | accuracy | least covered | most covered |\n|---|---|---|---|")
    for row in of_report:
        covered = " | ".join(f"{100 * row[end]:.1f}" for end in ("least", "most"))
        print(f"| {row['num_groups']:,} | {row['accuracy']:.2f} | {covered} |")
    if options.write:
        command = "python -m benchmarks.belief.interval_coverage --write"
        keep_part(options.write, "accuracy", {"command": command, "repeats": options.repeats, "cells": of_report})


if __name__ == "__main__":
    main()
