"""How often the intervals of figures that are no shares cover the truth.

`python -m benchmarks.belief.figure_coverage` prints a table for docs/measurements.md: log-loss, Brier score, gain over
the majority baseline, macro F1 and calibration error, by the report's own functions, in test sets drawn as in
`benchmarks.belief.interval_coverage`, of five classes of unequal size. A product's loss is exponential with mean 0.1
where it is right, and 1 plus one of mean 1 where it is wrong; a wrong answer is any other class. Its confidence is of
Beta(8, 1.2) where it is right and of Beta(3, 2) where it is wrong, the other classes share the rest; the model is off
by as much as follows from that. All truths are known, the calibration error's by numeric integration over the bins.

With `--write` it writes the least and the most covered from 300 groups on into `coverage.json`, which the report's
glossary reads. Where the report gives no interval, none is counted; a cell in which fewer than half of the test sets
have one is empty.
"""

import argparse
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from benchmarks.material.measure import keep_part
from cdiscount_tasks.learning.measuring.intervals import Figure, mean_figure
from cdiscount_tasks.learning.measuring.metrics import f1_figures, squared_errors
from cdiscount_tasks.learning.measuring.reliability import FEWEST_IN_BIN, MAX_BINS, error_figure
from cdiscount_tasks.pages.report.coverage import COVERAGE_PATH, ENOUGH_GROUPS
from tests.material.drawn_test_sets import Cell, draw_sizes

CLASS_SHARES = np.array([0.55, 0.17, 0.12, 0.11, 0.05])
NUM_CLASSES = len(CLASS_SHARES)
RIGHT_SHAPE, WRONG_SHAPE = (8.0, 1.2), (3.0, 2.0)
OF_RIGHT, OF_WRONG = stats.beta(*RIGHT_SHAPE), stats.beta(*WRONG_SHAPE)
"""Confidences of right and of wrong answers."""
CELLS = [
    Cell(num_groups, accuracy, 0.9, has_large_group)
    for has_large_group in (False, True)
    for accuracy in (0.75, 0.90)
    for num_groups in (100, 300, 1_000, 3_000)
]


class Products(NamedTuple):
    """One simulated test set: a row per product."""

    group_id: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    loss: np.ndarray
    confidence: np.ndarray


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
    loss = np.where(right, 0.1 * luck, 1 + luck)
    certain, doubtful = (random.beta(*shape, num)[teller] for shape in (RIGHT_SHAPE, WRONG_SHAPE))
    return Products(group_id, true, np.where(right, true, other), loss, np.where(right, certain, doubtful))


def brier_parts(confidence: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return each product's part of the Brier score, the other classes sharing what confidence leaves: float, [n]."""
    probabilities = np.repeat(((1 - confidence) / (NUM_CLASSES - 1))[:, None], NUM_CLASSES, axis=1)
    probabilities[np.arange(len(true)), predicted] = confidence
    return squared_errors(probabilities, true)


@cache
def true_brier(accuracy: float) -> float:
    """Return the Brier score over the population, by numeric integration."""
    middles = (np.arange(100_000) + 0.5) / 100_000
    zeros, ones = np.zeros(len(middles), int), np.ones(len(middles), int)
    right = brier_parts(OF_RIGHT.ppf(middles), zeros, zeros).mean()
    return float(accuracy * right + (1 - accuracy) * brier_parts(OF_WRONG.ppf(middles), zeros, ones).mean())


@cache
def true_calibration_error(accuracy: float, num_bins: int) -> float:
    """Return the calibration error over the population in so many equal bins, by numeric integration."""
    confidence = (np.arange(200_000) + 0.5) / 200_000
    right, wrong = accuracy * OF_RIGHT.pdf(confidence), (1 - accuracy) * OF_WRONG.pdf(confidence)
    mass = (right + wrong) / (right + wrong).sum()
    gap = mass * (right / (right + wrong) - confidence)
    bin_of = np.minimum((np.cumsum(mass) * num_bins).astype(int), num_bins - 1)
    return float(np.abs(np.bincount(bin_of, gap)).sum())


def truths(accuracy: float, num_bins: int = MAX_BINS) -> dict[str, float]:
    """Return the figures over the population."""
    predicted = CLASS_SHARES * accuracy + (1 - CLASS_SHARES) * (1 - accuracy) / (NUM_CLASSES - 1)
    return {
        "log-loss": 0.1 * accuracy + 2 * (1 - accuracy),
        "Brier score": true_brier(accuracy),
        "gain over the baseline": accuracy - CLASS_SHARES[0],
        "macro F1": float(np.mean(2 * CLASS_SHARES * accuracy / (CLASS_SHARES + predicted))),
        "calibration error": true_calibration_error(accuracy, num_bins),
    }


def figures_of(products: Products) -> dict[str, Figure]:
    """Return the same figures of one test set, as the report makes them."""
    group_id, true, predicted = products.group_id, products.true, products.predicted
    right = true == predicted
    briers = brier_parts(products.confidence, true, predicted)
    return {
        "log-loss": mean_figure(products.loss, group_id, is_share=False),
        "Brier score": mean_figure(briers, group_id, is_share=False),
        "gain over the baseline": mean_figure(right.astype(np.float64) - (true == 0), group_id, is_share=False),
        "macro F1": f1_figures(true, predicted, group_id, NUM_CLASSES)[0],
        "calibration error": error_figure(products.confidence, right, group_id)[0],
    }


def measure(cell: Cell, repeats: int) -> dict[str, float]:
    """Return of each figure how often its interval covered the truth; NaN where most test sets have no interval."""
    random = np.random.default_rng([cell.num_groups, int(100 * cell.accuracy), cell.has_large_group])
    covered: dict[str, list[bool]] = {name: [] for name in truths(cell.accuracy)}
    for _ in range(repeats):
        products = draw_products(random, cell)
        num_bins = int(np.clip(len(products.true) // FEWEST_IN_BIN, 1, MAX_BINS))
        truth = truths(cell.accuracy, num_bins)
        for name, figure in figures_of(products).items():
            low, high = figure["low"], figure["high"]
            if low is not None and high is not None:
                covered[name].append(low <= truth[name] <= high)
    return {
        name: float(np.mean(found)) if 2 * len(found) >= repeats else float("nan") for name, found in covered.items()
    }


def main() -> None:
    """Read the options, simulate, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--write", type=Path, nargs="?", const=COVERAGE_PATH, help="the file, if another one")
    options = parser.parse_args()
    names = list(truths(0.9))
    print(f"| correlation | large group | accuracy | groups | {' | '.join(names)} |\n|{'---|' * (4 + len(names))}")
    results = {}
    for cell in CELLS:
        results[cell] = measure(cell, options.repeats)
        values = " | ".join("no interval" if np.isnan(one) else f"{100 * one:.1f}" for one in results[cell].values())
        large = "10 %" if cell.has_large_group else "none"
        print(f"| {cell.correlation} | {large} | {cell.accuracy:.2f} | {cell.num_groups:,} | {values} |", flush=True)
    if options.write:
        enough = [result for cell, result in results.items() if cell.num_groups >= ENOUGH_GROUPS]
        covered = {name: [result[name] for result in enough if not np.isnan(result[name])] for name in names}
        part = {
            "command": "python -m benchmarks.belief.figure_coverage --write",
            "repeats": options.repeats,
            "covered": {name: {"least": min(shares), "most": max(shares)} for name, shares in covered.items()},
        }
        keep_part(options.write, "figures", part)


if __name__ == "__main__":
    main()
