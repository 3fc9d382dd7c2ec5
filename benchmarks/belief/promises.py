"""How often a threshold that was chosen for a precision misses it, in simulated validations of products in groups.

`python -m benchmarks.belief.promises` (1,000 validations a row; `--repeats 20` for a look) prints the table of
docs/measurements.md: for the plug-in choice, the lowest confidence whose answers on validation are precise enough, and
for `choose_threshold`, which tests. Groups are drawn as in `benchmarks.belief.interval_coverage`; all products of a
group have one confidence and one answer with the probability 0.9, else each its own. Confidences are of Beta(4, 0.5),
and a product is right as often as its confidence says: the true precision from each threshold is known.

A promise is missed where the true precision is below the one asked for; a validation that gives no threshold misses
none, and answers no product.
"""

import argparse
from typing import NamedTuple

import numpy as np
from scipy import special

from cdiscount_tasks.learning.measuring.promises import TARGET_PRECISIONS, answered_by_confidence, choose_threshold
from tests.material.drawn_test_sets import draw_usual_sizes

NUMS_GROUPS = (300, 1_000, 3_000, 10_000)
SHAPE = (4.0, 0.5)
CORRELATION = 0.9
FEWEST_OF_PLUG_IN = 30
METHODS = ("plug-in", "tested")


class Validation(NamedTuple):
    """One simulated validation: a row per product."""

    group_id: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray


class Outcome(NamedTuple):
    """What a method did over many validations: shares of them, and the mean share of the population it answers."""

    missed: float
    chosen: float
    answered: float


def draw_validation(random: np.random.Generator, num_groups: int) -> Validation:
    """Draw a validation."""
    sizes = draw_usual_sizes(random, (num_groups,))
    group_id = np.repeat(np.arange(num_groups), sizes)
    alike = (random.random(num_groups) < CORRELATION)[group_id]
    teller = np.where(alike, group_id, num_groups + np.arange(len(group_id)))  # whose draws a product takes
    confidence = random.beta(*SHAPE, num_groups + len(group_id))
    correct = random.random(len(confidence)) < confidence
    return Validation(group_id, confidence[teller], correct[teller])


def share_answered(threshold: float) -> float:
    """Return the share of the population that has at least this confidence."""
    return float(special.betaincc(*SHAPE, threshold))


def true_precision(threshold: float) -> float:
    """Return the mean confidence of the population above a threshold: the mean of a truncated Beta distribution."""
    a, b = SHAPE
    return float(a / (a + b) * special.betaincc(a + 1, b, threshold) / special.betaincc(a, b, threshold))


def plug_in_threshold(validation: Validation, target_precision: float) -> float | None:
    """Return the lowest confidence whose answers, at least 30, are precise enough on validation itself."""
    levels, answered, right = answered_by_confidence(validation.confidence, validation.correct)
    precise = np.flatnonzero((answered >= FEWEST_OF_PLUG_IN) & (right >= target_precision * answered))
    return float(levels[precise[-1]]) if len(precise) else None


def measure(num_groups: int, target_precision: float, repeats: int) -> dict[str, Outcome]:
    """Return what each method did."""
    random = np.random.default_rng([num_groups, int(100 * target_precision)])
    outcomes: dict[str, list[Outcome]] = {method: [] for method in METHODS}
    for _ in range(repeats):
        validation = draw_validation(random, num_groups)
        tested = choose_threshold(
            validation.confidence, validation.correct, validation.group_id, target_precision
        )["threshold"]  # fmt: skip
        for method, chosen in zip(METHODS, (plug_in_threshold(validation, target_precision), tested), strict=True):
            if chosen is None:
                outcomes[method].append(Outcome(0, 0, 0))
            else:
                outcomes[method].append(
                    Outcome(true_precision(chosen) < target_precision, 1, share_answered(chosen))
                )  # fmt: skip
    return {method: Outcome(*np.mean(found, axis=0).tolist()) for method, found in outcomes.items()}


def best_share(target_precision: float) -> float:
    """Return the share of the population that could be answered with that precision, were it known."""
    thresholds = np.linspace(0, 1, 10_001)[:-1]
    kept = [one for one in thresholds if true_precision(one) >= target_precision]
    return share_answered(min(kept))


def main() -> None:
    """Read the options, simulate, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1_000)
    repeats = parser.parse_args().repeats
    titles = [f"{method}: {title}" for method in METHODS for title in ("missed", "gives a threshold", "answers")]
    print(f"| precision | groups | {' | '.join(titles)} | could answer |\n|{'---|' * (3 + len(titles))}")
    for target_precision in reversed(TARGET_PRECISIONS):
        for num_groups in NUMS_GROUPS:
            found = measure(num_groups, target_precision, repeats)
            values = [f"{100 * value:.1f}" for method in METHODS for value in found[method]]
            row = [f"{100 * target_precision:.0f} %", f"{num_groups:,}", *values]
            print(f"| {' | '.join(row)} | {100 * best_share(target_precision):.1f} |", flush=True)


if __name__ == "__main__":
    main()
