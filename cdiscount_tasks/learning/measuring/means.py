"""Intervals of means (log-loss, Brier score, gains, ...) of products that come in groups: arrays in, numbers out."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from cdiscount_tasks.learning.measuring.shares import CONFIDENCE, Floats, divide

_MAX_VALUES = 512  # distinct ones; more are joined to their neighbours, which moved no end by 0.1 % of the width
_STEEPEST = 1e4  # of the tilt, in standard deviations: there all the weight is on the most extreme value


class _Groups(NamedTuple):
    """What the products that are not of the largest group say, and how large that is; values less the mean of all.

    Attributes:
        values: float64, [k], distinct values, in standard deviations.
        logs: float64, [k], logarithm of the share of the products that have each.
        deviation: The standard deviation.
        correlation: How much alike values are within groups, 0 to 1.
        num_largest: Products of the group taken apart; 0 where no group has two products.
        num_others: The others; no whole number where several groups are the largest.
        inflated: The others times their design effect.
    """

    values: Floats
    logs: Floats
    deviation: float
    correlation: float
    num_largest: float
    num_others: float
    inflated: float


def _correlation(sizes: Floats, sums: Floats, squares: float, weights: Floats) -> float:
    """Return the intraclass correlation by the one-way analysis of variance, kept in [0, 1]; 1 where it is unknown.

    Args:
        sizes: float64, [num_groups], products of each group.
        sums: float64, [num_groups], of their values.
        squares: The sum of all squared values, weighted.
        weights: float64, [num_groups], how much of each group counts, 0 to 1.
    """
    n, num_groups = (sizes * weights).sum(), weights.sum()
    within = (sums**2 / sizes * weights).sum()
    between = divide(within - divide((sums * weights).sum() ** 2, n), num_groups - 1)
    inside = divide(squares - within, n - num_groups)
    usual_size = divide(n - divide((sizes**2 * weights).sum(), n), num_groups - 1)
    found = float(divide(between - inside, between + (usual_size - 1) * inside))
    return float(np.clip(found, 0, 1)) if np.isfinite(found) else 1.0


def correlation_within_groups(values: npt.ArrayLike, group_id: npt.ArrayLike) -> float:
    """Return how much alike the values are within groups: 0 as chance has it, 1 where each group is all one.

    By the one-way analysis of variance (Donner and Koval 1980, Biometrics 36). Where it cannot be estimated (all values
    equal, one group, no group of two) it is 1: a group tells no more than one product.

    Args:
        values: [n], at least one.
        group_id: int64, [n].
    """
    centred = np.asarray(values, np.float64)
    centred = centred - centred.mean()
    _, group, sizes = np.unique(np.asarray(group_id), return_inverse=True, return_counts=True)
    sums = np.bincount(group, centred).astype(np.float64)
    return _correlation(sizes.astype(np.float64), sums, float((centred**2).sum()), np.ones(len(sizes)))


def _distinct(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return distinct values, rising, with their summed weights; above 512 neighbours are joined to their mean."""
    found, place = np.unique(values, return_inverse=True)
    weight: Floats = np.bincount(place, weights).astype(np.float64)
    found, weight = found[weight > 0], weight[weight > 0]
    if len(found) > _MAX_VALUES:
        firsts = np.linspace(0, len(found), _MAX_VALUES, endpoint=False).astype(np.int64)
        total = np.add.reduceat(weight, firsts)
        found, weight = np.add.reduceat(found * weight, firsts) / total, total
    return found, weight


def _take_largest_apart(values: Floats, group_id: npt.NDArray[np.int64]) -> _Groups | None:
    """Describe the groups; None where the others have one value alone, or are no two groups."""
    _, group, counts = np.unique(group_id, return_inverse=True, return_counts=True)
    sizes, sums = counts.astype(np.float64), np.bincount(group, values).astype(np.float64)
    largest = sizes.max()
    # Of equally large groups their mean is taken apart: the order of groups must not matter.
    tied = sizes == largest
    weights = np.where(tied & (largest > 1), 1 - 1 / tied.sum(), 1.0)
    if weights.sum() < 2 and largest > 1:
        return None
    of_product = weights[group]
    found, shares = _distinct(values, of_product)
    num_others = float((sizes * weights).sum())
    shares = shares / num_others
    deviation = float(np.sqrt(shares @ (found - shares @ found) ** 2)) if len(found) > 1 else 0.0
    if not deviation > 0:
        return None
    correlation = _correlation(sizes, sums, float((values**2 * of_product).sum()), weights)
    inflated = num_others + (float((sizes**2 * weights).sum()) - num_others) * correlation
    return _Groups(
        found / deviation,
        np.log(shares),
        deviation,
        correlation,
        largest if largest > 1 else 0.0,
        num_others,
        inflated,
    )


def _tilted(groups: _Groups, tilt: float) -> tuple[float, float]:
    """Return the mean of the values at a tilt, and how often a test set of that mean would have at most the sum found.

    Args:
        groups: Whose sum of all values, less their mean, is 0.
        tilt: Shares are multiplied by exp(tilt * value).
    """
    logs = groups.logs + tilt * groups.values
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    mean = float(shares @ groups.values)
    variance = max(float(shares @ (groups.values - mean) ** 2), 1e-12)
    n = groups.num_largest + groups.num_others
    mixed = special.ndtr(-n * mean / np.sqrt((groups.inflated + groups.num_largest) * variance))
    if groups.num_largest == 0:
        return mean, float(mixed)
    rest = -groups.num_largest * groups.values - groups.num_others * mean
    alike = shares @ special.ndtr(rest / np.sqrt(groups.inflated * variance))
    return mean, float(groups.correlation * alike + (1 - groups.correlation) * mixed)


def _end(groups: _Groups, share_below: float) -> float:
    """Return the mean under which the sum found, or less, comes in that share of the draws; in standard deviations."""

    def too_often(tilt: float) -> float:
        return _tilted(groups, tilt)[1] - share_below

    low, high = -1.0, 1.0  # of a large group unlike the others both ends may lie on one side of 0
    while too_often(low) <= 0 and -low < _STEEPEST:
        low *= 2
    while too_often(high) >= 0 and high < _STEEPEST:
        high *= 2
    if too_often(low) <= 0 or too_often(high) >= 0:
        return _tilted(groups, low if too_often(low) <= 0 else high)[0]
    return _tilted(groups, float(optimize.brentq(too_often, low, high, xtol=1e-9)))[0]


def mean_interval(values: Any, group_id: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over products that come in groups.

    A true mean lies in the interval when it makes what was found likely: neither as small a sum nor as large a one
    would come in 2.5 % of the draws. What products have at that mean is taken from those found, each weighed by
    exp(t * value) with the t that gives it (Efron 1981, Canadian Journal of Statistics 9, nonparametric tilting): few
    heavy losses become more where the mean is higher, which resampling alone cannot show. As in `score_intervals`, the
    largest group is taken apart: with the correlation within groups all its products have the value of one, else each
    its own; the others' sum is taken as normal, its variance inflated by their design effect. Of values 0 and 1 it is
    that interval.

    How often it covers the truth is measured by `python -m benchmarks.belief.figure_coverage` (docs/measurements.md).

    Args:
        values: float, [n].
        group_id: int64, [n].

    Returns:
        Low and high end, within the values found; NaN where these are all alike, or of one group.
    """
    found = np.asarray(values, np.float64)
    groups = _take_largest_apart(found - found.mean(), np.asarray(group_id)) if len(found) else None
    if groups is None:
        return float("nan"), float("nan")
    ends = _end(groups, 0.5 + CONFIDENCE / 2), _end(groups, 0.5 - CONFIDENCE / 2)
    low, high = (float(found.mean() + groups.deviation * end) for end in ends)
    return min(low, float(found.mean())), max(high, float(found.mean()))
