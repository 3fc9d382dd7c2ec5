"""Which answered products the page shows of each class: the surest, the least sure, and some at random."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.predicted_products import Ints, PredictedProducts

MOST_CLASSES = 30
MOST_OF_A_KIND, FEWEST_OF_A_KIND = 8, 2
_PICTURES = 240
"""On the page in all: with 10 classes 8 of a kind, with 30 classes 2."""


class ShownOfClass(NamedTuple):
    """Rows of the answers of one class that are shown, each of a different group of products.

    Attributes:
        class_index: The class that is the most probable one.
        num: How many products it is the most probable class of.
        surest: The most confident first.
        random: Drawn with a seed; none of the surest.
        least_sure: The least confident first; none of the others.
    """

    class_index: int
    num: int
    surest: list[int]
    random: list[int]
    least_sure: list[int]

    @property
    def rows(self) -> list[int]:
        """Return all rows that are shown."""
        return [*self.surest, *self.random, *self.least_sure]


def _firsts(rows: Ints, group_id: Ints, num: int) -> list[int]:
    """Return the first rows of a different group each."""
    firsts = np.sort(np.unique(group_id[rows], return_index=True)[1])
    return [int(row) for row in rows[firsts[:num]]]


def _without(rows: Ints, group_id: Ints, shown: list[int]) -> Ints:
    return rows[~np.isin(group_id[rows], group_id[shown])]


def _choose(
    class_index: int, rows: Ints, confidence: npt.NDArray[np.float32], group_id: Ints, num: int, seed: int
) -> ShownOfClass:
    rising = rows[np.argsort(confidence[rows], kind="stable")]
    surest = _firsts(rising[np.argsort(-confidence[rising], kind="stable")], group_id, num)
    left = _without(rising, group_id, surest)
    least_sure = _firsts(left, group_id, num)
    left = _without(left, group_id, least_sure)
    drawn = np.random.default_rng([seed, class_index]).permutation(len(left))
    return ShownOfClass(class_index, len(rows), surest, _firsts(left[drawn], group_id, num), least_sure)


def choose_shown(answers: PredictedProducts, seed: int = 0) -> list[ShownOfClass]:
    """Choose the products of the classes that are answered most, the most frequent first.

    Copies of one picture would fill a gallery: of a group of products that share pictures one is shown.

    Args:
        answers: Of all products.
        seed: Of the random ones.
    """
    classes, counts = np.unique(answers.best, return_counts=True)
    most = classes[np.argsort(-counts, kind="stable")][:MOST_CLASSES]
    num = int(np.clip(_PICTURES // (3 * max(1, len(most))), FEWEST_OF_A_KIND, MOST_OF_A_KIND))
    return [
        _choose(
            int(class_index), np.flatnonzero(answers.best == class_index), answers.confidence, answers.group_id, num,
            seed,
        )
        for class_index in most
    ]  # fmt: skip
