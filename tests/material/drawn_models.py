"""Test products in groups, and models of a known true skill that answer them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from cdiscount_tasks.learning.measuring.judgements import Judged
from tests.material.drawn_test_sets import draw_usual_sizes

SKILL, DISCORDANT = 0.75, 0.13
"""Two models of this skill disagree on this share of the products."""
NUM_CLASSES = 10

Bools = npt.NDArray[np.bool_]


class Split(NamedTuple):
    """The products of one split.

    Attributes:
        group_id: int64, [n], rising.
        firsts: int64, [num_groups], the first product of each.
        unit: int64, [n], what is answered as one: a group, or a product.
        difficulty: float32, [num_units], shared by all models.
    """

    group_id: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]
    unit: npt.NDArray[np.int64]
    difficulty: npt.NDArray[np.float32]


def likeness_of_models() -> float:
    """Return how much of a product's outcome all models share, so that two of one skill disagree on 13 %."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)

    def disagree(likeness: float) -> float:
        right = special.ndtr((special.ndtri(SKILL) - np.sqrt(likeness) * nodes) / np.sqrt(1 - likeness))
        return float(2 * (SKILL - weights @ right**2 / weights.sum()))

    return float(optimize.brentq(lambda likeness: disagree(likeness) - DISCORDANT, 0.01, 0.99))


LIKENESS = likeness_of_models()


def draw_split(random: np.random.Generator, num_products: int, correlation: float) -> Split:
    """Draw groups, and the difficulty of their products.

    Args:
        random: What draws.
        num_products: All of them.
        correlation: With this probability all products of a group are answered as one, else each by itself.
    """
    group_id = np.repeat(np.arange(num_products), draw_usual_sizes(random, (num_products,)))[:num_products]
    is_one = random.random(num_products) < correlation
    unit = np.where(is_one[group_id], group_id, num_products + np.arange(num_products))
    found, unit = np.unique(unit, return_inverse=True)
    firsts = np.flatnonzero(np.diff(group_id, prepend=-1))
    return Split(group_id, firsts, unit, random.standard_normal(len(found), np.float32))


def draw_right(random: np.random.Generator, split: Split, skills: npt.ArrayLike) -> Bools:
    """Draw what models of given true skills have right: bool, [num_models, n]."""
    limits = special.ndtri(np.asarray(skills)).astype(np.float32)
    luck = random.standard_normal((len(limits), len(split.difficulty)), np.float32)
    seen = np.float32(np.sqrt(LIKENESS)) * split.difficulty + np.float32(np.sqrt(1 - LIKENESS)) * luck
    return np.asarray((seen < limits[:, None])[:, split.unit])


def judged(split: Split, right: Bools, champion: Bools, anchor: Bools | None = None) -> Judged:
    """Return products of ten classes, none of them new; no verdict depends on the classes.

    A class by itself is tested by counting, which takes time with the square of its size: in one class of all products
    that would be four times what the rest of a judgement takes.
    """
    is_new = np.zeros(len(split.group_id), bool)
    return Judged(right, champion, split.group_id, split.group_id % NUM_CLASSES, is_new, anchor)
