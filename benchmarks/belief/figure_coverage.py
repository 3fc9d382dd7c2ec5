"""How often the percentile bootstrap over groups covers the truth of figures that are no shares.

`python -m benchmarks.belief.figure_coverage` prints a table for docs/measurements.md: log-loss, gain over the majority
baseline and macro F1, by the report's own functions, in test sets drawn as in `benchmarks.belief.interval_coverage`, of
five classes of unequal size. With `--write` it writes the least and the most covered into `coverage.json`, which the
report's glossary reads. A product's loss is exponential with mean 0.1 where it is right, and 1 plus one of mean 1
where it is wrong; a wrong answer is any other class. All the truths are known in closed form.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.material.measure import keep_part
from cdiscount_tasks.learning.measuring.intervals import Figure, mean_figure
from cdiscount_tasks.learning.measuring.metrics import f1_figures
from cdiscount_tasks.pages.report.coverage import COVERAGE_PATH
from tests.material.drawn_test_sets import Cell, draw_sizes

CLASS_SHARES = np.array([0.55, 0.17, 0.12, 0.11, 0.05])
NUM_CLASSES = len(CLASS_SHARES)
CELLS = [
    Cell(num_groups, accuracy, 0.9, has_large_group)
    for has_large_group in (False, True)
    for accuracy in (0.75, 0.90)
    for num_groups in (40, 100, 300)
]


class Products(NamedTuple):
    """One simulated test set: a row per product."""

    group_id: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    loss: np.ndarray


def draw_products(random: np.random.Generator, cell: Cell) -> Products:
    """Draw one test set; products of a group have one class, and one answer and loss with the cell's correlation."""
    sizes = draw_sizes(random, 1, cell)[0]
    group_id = np.repeat(np.arange(len(sizes)), sizes)
    alike = (random.random(len(sizes)) < cell.correlation)[group_id]
    teller = np.where(alike, group_id, len(sizes) + np.arange(len(group_id)))  # whose draws a product takes
    num = len(sizes) + len(group_id)
    right = (random.random(num) < cell.accuracy)[teller]
    true = random.choice(NUM_CLASSES, len(sizes), p=CLASS_SHARES)[group_id]
    other = (true + random.integers(1, NUM_CLASSES, num)[teller]) % NUM_CLASSES
    luck = random.exponential(1, num)[teller]
    return Products(group_id, true, np.where(right, true, other), np.where(right, 0.1 * luck, 1 + luck))


def truths(accuracy: float) -> dict[str, float]:
    """Return the figures over the population."""
    predicted = CLASS_SHARES * accuracy + (1 - CLASS_SHARES) * (1 - accuracy) / (NUM_CLASSES - 1)
    return {
        "log-loss": 0.1 * accuracy + 2 * (1 - accuracy),
        "gain over the baseline": accuracy - CLASS_SHARES[0],
        "macro F1": float(np.mean(2 * CLASS_SHARES * accuracy / (CLASS_SHARES + predicted))),
    }


def figures_of(products: Products) -> dict[str, Figure]:
    """Return the same figures of one test set, as the report makes them."""
    right = products.true == products.predicted
    gains = right.astype(np.float64) - (products.true == 0)
    return {
        "log-loss": mean_figure(products.loss, products.group_id, is_share=False),
        "gain over the baseline": mean_figure(gains, products.group_id, is_share=False),
        "macro F1": f1_figures(products.true, products.predicted, products.group_id, NUM_CLASSES)[0],
    }


def measure(cell: Cell, repeats: int) -> dict[str, float]:
    """Return of each figure how often its interval covered the truth."""
    random = np.random.default_rng([cell.num_groups, int(100 * cell.accuracy), cell.has_large_group])
    truth = truths(cell.accuracy)
    covered = dict.fromkeys(truth, 0)
    for _ in range(repeats):
        for name, figure in figures_of(draw_products(random, cell)).items():
            low, high = figure["low"], figure["high"]
            covered[name] += low is not None and high is not None and low <= truth[name] <= high
    return {name: count / repeats for name, count in covered.items()}


def main() -> None:
    """Read the options, simulate, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--write", type=Path, nargs="?", const=COVERAGE_PATH, help="the file, if another one")
    options = parser.parse_args()
    print(
        f"| correlation | large group | accuracy | groups | {' | '.join(truths(0.9))} |\n|---|---|---|---|---|---|---|"
    )
    results = []
    for cell in CELLS:
        results.append(measure(cell, options.repeats))
        values = " | ".join(f"{100 * share:.1f}" for share in results[-1].values())
        large = "10 %" if cell.has_large_group else "none"
        print(f"| {cell.correlation} | {large} | {cell.accuracy:.2f} | {cell.num_groups} | {values} |", flush=True)
    if options.write:
        covered = {name: [result[name] for result in results] for name in results[0]}
        part = {
            "command": "python -m benchmarks.belief.figure_coverage --write",
            "repeats": options.repeats,
            "covered": {name: {"least": min(shares), "most": max(shares)} for name, shares in covered.items()},
        }
        keep_part(options.write, "figures", part)


if __name__ == "__main__":
    main()
