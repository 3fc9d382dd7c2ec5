"""The confidence from which a model answers, so that a promised precision is kept and not only seen on validation.

The lowest confidence that looks precise enough on validation is chosen for its luck: in simulations it misses the
promised precision more often than not. Here every confidence must pass a test first, and few are tested.
"""

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import special

from cdiscount_tasks.learning.measuring.means import correlation_within_groups
from cdiscount_tasks.learning.measuring.shares import Floats

TARGET_PRECISIONS = (0.99, 0.95)
CERTAINTY = 0.95
"""How sure a promise is: at most 5 % of validations, were they drawn again, would choose a threshold that breaks it."""

_NUM_STEPS = 50  # 20 to 200 were tried: more steps answer no more products, since each may be the one that stops
_USUAL_START = 4  # a quarter of what validation tells; measured beside 1 to 3 times the fewest


class Threshold(TypedDict):
    """The least confidence that answers, for a precision; null, with the reason, where validation promises none.

    `num_answered`, `precision` and `coverage` are those on validation.
    """

    target_precision: float
    threshold: float | None
    num_answered: int
    precision: float | None
    coverage: float
    note: str | None


def counted(num_products: int) -> str:
    """Return a number of validation products in words."""
    return f"{num_products:,} validation {'product' if num_products == 1 else 'products'}"


def answered_by_confidence(
    confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the answers, and the right ones, were the model to answer from each confidence that occurs.

    Args:
        confidence: float, [n].
        correct: bool, [n].

    Returns:
        The distinct confidences, falling; of each, the rows that have at least as much; and how many of them are right.
    """
    levels, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    right = np.bincount(place, correct, len(levels)).astype(np.int64)
    return levels[::-1], np.cumsum(counts[::-1]).astype(np.int64), np.cumsum(right[::-1])


def independent_answers(
    confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64]
) -> Floats:
    """Count how many independent products the answers tell as much as, were the model to answer from each confidence.

    The answers divided by their design effect, 1 + (m - 1) r: m is the size of the group that an answered product sees
    among the answered, r how much alike right and wrong are within the groups of all products (Kish 1965).

    Args:
        confidence: float, [n], at least one.
        correct: bool, [n].
        group_id: int64, [n].

    Returns:
        float64, [num distinct confidences], falling confidences.
    """
    by_group = np.lexsort((-np.asarray(confidence), group_id))
    firsts = np.flatnonzero(np.diff(group_id[by_group], prepend=group_id[by_group[0]] - 1))
    rank = np.arange(len(by_group)) - np.repeat(firsts, np.diff(firsts, append=len(by_group)))
    # The k-th member of a group, from 0, adds (k + 1)^2 - k^2 to the sum of squared sizes.
    _, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    squares = np.cumsum(np.bincount(place[by_group], 2.0 * rank + 1)[::-1])
    answered = np.cumsum(counts[::-1])
    return np.asarray(answered / (1 + (squares / answered - 1) * correlation_within_groups(correct, group_id)))


def chance_of_so_few_mistakes(independent: Floats, share_right: Floats, precision: float) -> Floats:
    """Return how likely so few mistakes are where the true precision is no better than that given.

    The exact binomial test (Clopper and Pearson 1934, Biometrika 26), by the incomplete beta function, which takes
    numbers of products that are no whole ones.

    Args:
        independent: float64, [k], how many independent answers there are.
        share_right: float64, [k], in [0, 1].
        precision: In (0, 1).

    Returns:
        float64, [k], in [0, 1].
    """
    wrong = (1 - share_right) * independent
    return np.asarray(special.betainc(np.maximum(independent - wrong, 1e-9), wrong + 1, precision))


def fewest_answers(target_precision: float) -> float:
    """Return how many independent answers, all right, are the fewest that can promise a precision."""
    return float(np.log(1 - CERTAINTY) / np.log(target_precision))


def _places_to_test(answered: npt.NDArray[np.int64], independent: Floats, fewest: float) -> npt.NDArray[np.int64]:
    """Return the places of the confidences that are tested, the most cautious first; by confidences and groups alone.

    The first answers enough to pass with a mistake or two, as far as validation is large enough: the test ends with
    the first that fails, and with the fewest answers a single mistake fails it.
    """
    start = max(fewest, min(2 * fewest, float(independent.max()) / _USUAL_START))
    enough = np.flatnonzero(independent >= start)
    if len(enough) == 0:
        return enough
    wanted = np.linspace(answered[enough[0]], answered[-1], _NUM_STEPS + 1)
    return np.unique(np.searchsorted(answered, np.floor(wanted)))


def _no_threshold(target_precision: float, num_products: int, reason: str) -> Threshold:
    wanted = f"{100 * target_precision:.0f} % precision"
    note = f"No threshold keeps a promise of {wanted} on {counted(num_products)}: {reason}."
    return Threshold(
        target_precision=target_precision,
        threshold=None,
        num_answered=0,
        precision=None,
        coverage=0.0,
        note=note,
    )


def _threshold(target_precision: float, level: float, num_answered: int, precision: float, n: int) -> Threshold:
    return Threshold(
        target_precision=target_precision,
        threshold=level,
        num_answered=num_answered,
        precision=round(precision, 6),
        coverage=round(num_answered / n, 6),
        note=None,
    )


def choose_threshold(
    confidence: npt.NDArray[Any],
    correct: npt.NDArray[np.bool_],
    group_id: npt.NDArray[np.int64],
    target_precision: float,
) -> Threshold:
    """Choose the lowest confidence from which a precision is promised with a certainty of 95 %.

    Fixed-sequence testing, as in "Learn then Test" (Angelopoulos et al. 2021, arXiv 2110.01052): at most 51 confidences
    are tested, from the most cautious one down, each whether so few mistakes would come in less than 5 % of the draws
    from a population where the promise is broken. The first that fails ends it; the last that passed is chosen. That
    any is chosen whose promise is broken has then a probability of at most 5 %, however many were tested.

    How often promises are missed is measured by `python -m benchmarks.belief.promises` (docs/measurements.md).

    Args:
        confidence: float, [n]: of validation products.
        correct: bool, [n].
        group_id: int64, [n].
        target_precision: In (0, 1).
    """
    n, fewest = len(correct), fewest_answers(target_precision)
    levels, answered, right = answered_by_confidence(confidence, correct)
    independent = independent_answers(confidence, correct, group_id) if n else np.zeros(0)
    tested = _places_to_test(answered, independent, fewest) if n else np.zeros(0, np.int64)
    if len(tested) == 0:
        reason = (
            f"they tell as much as {independent.max(initial=0):,.0f} independent ones, and {np.ceil(fewest):,.0f}, all "
            "answered right, are the fewest that can promise it"
        )
        return _no_threshold(target_precision, n, reason)
    shares = right / answered
    failed = chance_of_so_few_mistakes(independent[tested], shares[tested], target_precision) > 1 - CERTAINTY
    num_passed = int(np.argmax(failed)) if failed.any() else len(tested)
    if num_passed == 0:
        surest, share = answered[tested[0]], 100 * shares[tested[0]]
        reason = f"of the {surest:,} that it is surest of, {share:.1f} % are right, which is not enough to be "
        return _no_threshold(target_precision, n, f"{reason}{100 * CERTAINTY:.0f} % certain")
    last = int(tested[num_passed - 1])
    return _threshold(target_precision, float(levels[last]), int(answered[last]), float(shares[last]), n)
