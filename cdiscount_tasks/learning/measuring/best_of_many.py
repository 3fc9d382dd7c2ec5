"""How much better the best of many looks than it is. Loads nothing heavy: Airflow's API server shows it too."""

import math
from functools import lru_cache
from statistics import NormalDist, median

_NORMAL = NormalDist()
_FURTHEST, _STEP = 8.0, 0.01
_QUANTILE = _NORMAL.inv_cdf(0.975)


@lru_cache
def expected_maximum(num: int) -> float:
    """Return the mean of the largest of some independent standard normal numbers: 0 of one, 1.54 of ten.

    Args:
        num: At least 1.
    """
    # Its density is num * phi(x) * Phi(x)^(num - 1).
    points = (_STEP * place for place in range(round(-_FURTHEST / _STEP), round(_FURTHEST / _STEP) + 1))
    return math.fsum(x * num * _NORMAL.pdf(x) * _NORMAL.cdf(x) ** (num - 1) for x in points) * _STEP


def _standard_error(intervals: list[tuple[float, float]]) -> float:
    """Return the middle one of the standard errors that 95 % intervals stand for."""
    return median((high - low) / 2 / _QUANTILE for low, high in intervals)


def most_flattered(intervals: list[tuple[float, float]]) -> float:
    """Return by how much the best of some figures would look better than it is, if all of them were equally good.

    It is an upper bound in two ways: where one of them is truly better, and where all were measured on the same
    products (`most_flattered_of_paired` is for these): what they have in common lifts them all and chooses none.

    Args:
        intervals: The 95 % interval of each.
    """
    return expected_maximum(len(intervals)) * _standard_error(intervals)


def most_flattered_of_paired(num: int, differences: list[tuple[float, float]]) -> float:
    """Return the same of figures that were all measured on the same products, from paired differences of some.

    What the figures have in common cancels in a difference. Equally good figures whose differences have the standard
    error s choose the best as independent ones with the standard error s / sqrt(2) do.

    Args:
        num: Of the figures.
        differences: 95 % intervals of paired differences between two of them, at least one.
    """
    return expected_maximum(num) * _standard_error(differences) / math.sqrt(2)
