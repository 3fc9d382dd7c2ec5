"""How often the interval over other products and other seeds covers the truth, in simulated trainings.

`python -m benchmarks.belief.seed_coverage` (`--repeats 20` for a look) prints the table of docs/measurements.md.

A product is judged right where a normal draw is above 0: the product's own part, which all seeds share, the seed's,
which all products share, and what the two have alone. The truth is what the report claims: the accuracy over the
population of products and of seeds.
"""

import argparse
from math import hypot
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from cdiscount_tasks.learning.measuring.seed_spread import FEWEST_FOR_INTERVAL, measure_spread

MIDDLE, OF_PRODUCTS, OF_BOTH = 1.2, 1.5, 0.7
"""An accuracy of about 0.76; two seeds give another answer to a seventh of the products."""

NUM_PRODUCTS, OF_SEEDS = (150, 600, 3000), (0.0, 0.05, 0.15)
"""Spreads of seeds: none, one that moves the accuracy by a point, and one that moves it by three."""

NUM_SEEDS = (3, 5, 10)


class Measured(NamedTuple):
    """What intervals of a cell did: how often they covered, their mean width, and the mean deviation over seeds."""

    covered: float
    width: float
    deviation: float


def measure(num_products: int, of_seeds: float, num_seeds: int, repeats: int) -> Measured:
    """Draw trainings again and again, each with as many seeds, and ask each time for the interval."""
    truth = norm.cdf(MIDDLE / hypot(OF_PRODUCTS, OF_BOTH, of_seeds))
    random = np.random.default_rng([num_products, int(100 * of_seeds), num_seeds])
    rows = []
    for _ in range(repeats):
        products = OF_PRODUCTS * random.standard_normal((num_products, 1))
        seeds = of_seeds * random.standard_normal((1, num_seeds))
        both = OF_BOTH * random.standard_normal((num_products, num_seeds))
        found = measure_spread(MIDDLE + products + seeds + both > 0, np.arange(num_products))
        low, high = found["mean"]["low"] or 0.0, found["mean"]["high"] or 0.0
        rows.append((low <= truth <= high, high - low, found["deviation"]))
    return Measured(*map(float, np.mean(rows, axis=0)))


def main() -> None:
    """Print a row a cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300, help="trainings with several seeds drawn for each cell")
    parser.add_argument("--products", type=int, nargs="*", default=NUM_PRODUCTS, help="of test")
    options = parser.parse_args()
    assert min(NUM_SEEDS) >= FEWEST_FOR_INTERVAL
    print(f"| products | deviation over seeds | {' | '.join(f'{num} seeds' for num in NUM_SEEDS)} |")
    print(f"|{'---|' * (2 + len(NUM_SEEDS))}")
    for num_products in options.products:
        for of_seeds in OF_SEEDS:
            cells = [measure(num_products, of_seeds, num, options.repeats) for num in NUM_SEEDS]
            told = " | ".join(f"{100 * cell.covered:.1f} ({100 * cell.width:.1f})" for cell in cells)
            print(f"| {num_products:,} | {100 * cells[-1].deviation:.1f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
