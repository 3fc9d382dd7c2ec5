"""Which classes became better or worse from one model to the next: arrays in, rows out."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.looks import ALPHA, smallest_gain_seen
from cdiscount_tasks.learning.measuring.paired import GroupTest, group_test
from cdiscount_tasks.learning.measuring.shares import Floats

_COUNTED_BELOW = 10_000
"""Of fewer discordant groups in a class all exchanges are counted, in at most a second: where nearly all of a small
class is lost, the normal distribution says a p that so few groups cannot give."""


class ClassChange(NamedTuple):
    """How a class moved from the champion to the challenger.

    Attributes:
        class_id: Its category.
        test: The group test over its products, by counting all exchanges; its p are those before Holm.
        champion_accuracy: The champion's share of right products in it.
        p_better: One-sided, Holm's over all classes.
        p_worse: The same in the other direction.
        risen: `p_better` is at most the level.
        fallen: `p_worse` is at most the level.
        could_be_seen: Whether a fall could have been seen: False where the champion has none right (`champion_accuracy`
            is 0: the class cannot fall), and where it has so few right that the loss of all would not have been
            significant, or would have been missed too often.
    """

    class_id: int
    test: GroupTest
    champion_accuracy: float
    p_better: float
    p_worse: float
    risen: bool
    fallen: bool
    could_be_seen: bool


def holm(p: npt.ArrayLike) -> Floats:
    """Return p-values that are adjusted for being the many that they are (Holm 1979, Scandinavian J. of Statistics 6).

    Those at most a may be called significant; that any of these is wrong has then a probability of at most a, whatever
    the tests have in common.

    Args:
        p: [n], each in [0, 1].

    Returns:
        float64, [n], in the given order.
    """
    found = np.asarray(p, np.float64)
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError("p-values for Holm's adjustment: one is missing or not in 0 to 1")
    order = np.argsort(found, kind="stable")
    factors = np.arange(len(found), 0, -1)
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(found[order] * factors))
    return adjusted


def _could_be_seen(test: GroupTest, right_champion: npt.NDArray[np.float64], group_id: Floats, level: float) -> bool:
    if group_test(-right_champion, group_id, _COUNTED_BELOW).p_worse > level:
        return False
    smallest = smallest_gain_seen(test, level)
    return smallest is not None and smallest <= right_champion.mean()


def class_changes(
    class_id: npt.ArrayLike,
    right_challenger: npt.ArrayLike,
    right_champion: npt.ArrayLike,
    group_id: npt.ArrayLike,
    level: float = ALPHA,
) -> tuple[ClassChange, ...]:
    """Test each class by itself, and adjust for the number of classes.

    Args:
        class_id: int64, [n], the true category of each test product.
        right_challenger: bool, [n].
        right_champion: bool, [n].
        group_id: int64, [n].
        level: One-sided, of all falls together, and of all rises together.

    Returns:
        One row a class that occurs, by class_id.
    """
    classes, groups = np.asarray(class_id), np.asarray(group_id)
    champion = np.asarray(right_champion, np.float64)
    difference = np.asarray(right_challenger, np.float64) - champion
    order = np.argsort(classes, kind="stable")
    found, firsts = np.unique(classes[order], return_index=True)
    rows = np.split(order, firsts[1:]) if len(found) else []
    tests = [group_test(difference[one], groups[one], _COUNTED_BELOW) for one in rows]
    better, worse = holm([test.p_better for test in tests]), holm([test.p_worse for test in tests])
    level_of_one = level / max(1, len(found))  # Holm's first step: what the least p of all must reach
    return tuple(
        ClassChange(
            int(one),
            test,
            float(champion[row].mean()),
            float(p_better),
            float(p_worse),
            risen=bool(p_better <= level),
            fallen=bool(p_worse <= level),
            could_be_seen=_could_be_seen(test, champion[row], groups[row], level_of_one),
        )
        for one, test, row, p_better, p_worse in zip(found, tests, rows, better, worse, strict=True)
    )
