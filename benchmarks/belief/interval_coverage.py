"""How often 95 % intervals cover the truth, in simulated test sets whose products come in groups.

`python -m benchmarks.belief.interval_coverage` (20 minutes; `--repeats 100` for a look) prints the tables of
docs/measurements.md and, for `pages/report/coverage.py`, how often the report's interval covered.

The truth is what a report claims: the accuracy that the model would have on the whole population of products that the
test groups are drawn from, each product counting once. A simulated test set has a fixed number of groups, drawn anew
each time. 37 % of its products are copies of another one of their group, as of the catalogue's images; most groups
have one product, the largest 20 (Zipf's law). With the probability `correlation` all products of a group are right or
wrong together, else each by itself. A product has 1 to 4 images as in the catalogue; an image is judged as its product
with the probability `correlation`, else by itself. In every second cell one more group holds 10 % of the products.
"""

import argparse

import numpy as np

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


def main() -> None:
    """Read the options, simulate, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1_000)
    parser.add_argument("--without-bootstraps", action="store_true", help="a minute instead of 15")
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
    print("\ncdiscount_tasks/pages/report/coverage.py:")
    for num_groups in NUMS_GROUPS:
        for accuracy in ACCURACIES:
            same = [result[SCORE][0] for cell, result in results.items() if cell[:2] == (num_groups, accuracy)]
            print(f"    ({num_groups}, {accuracy}): ({min(same):.3f}, {max(same):.3f}),")


if __name__ == "__main__":
    main()
