"""The paired tests: two answers to the same products, compared product by product.

`paired_difference` gives a difference with its 95 % interval, for pages. `group_test` decides: a probability and an
interval at any level, whatever the number of groups.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cdiscount_tasks.learning.measuring.intervals import Figure, mean_figure
from cdiscount_tasks.learning.measuring.shares import Floats

FEWEST_DISCORDANT_GROUPS = 20
"""From so many groups that were won or lost on, the normal distribution is used; below, every exchange is counted."""

_LEAST_EXPONENT = -1_000
"""2 to this power is near the least number that a float64 has: of more discordant groups no smaller p is said."""

_NUM_HALVINGS = 100


def paired_difference(first: npt.ArrayLike, second: npt.ArrayLike, group_id: npt.ArrayLike) -> Figure:
    """Return by how much the first is better than the second on the same products, with its interval over groups.

    What both have in common, a hard product above all, is no part of the difference: the interval is that of the mean
    of the differences, and much narrower than one made of two intervals. Two answers that nowhere differ, or always by
    as much, have no interval: drawing other groups cannot tell what it would be.

    Args:
        first: [n], right or not of each product, or a number of it such as a share or a loss.
        second: [n], the same of the other answer.
        group_id: int64, [n].
    """
    return mean_figure(np.asarray(first, np.float64) - np.asarray(second, np.float64), group_id, is_share=False)


class Discordance(NamedTuple):
    """What the groups say in which one of the two has more right products than the other.

    Attributes:
        gained: Products won, less those lost in the same group, summed over the groups where more were won.
        gained_squares: The sum of their squares, group by group.
        lost: The same of the groups where more were lost.
        lost_squares: The sum of their squares.
        largest: What one more such group could weigh: the largest that was seen, and at least the number of products in
            the group that a product sees, sum(m^2) / sum(m).
    """

    gained: float
    gained_squares: float
    lost: float
    lost_squares: float
    largest: float


def _gamma_interval(total: float, squares: float, largest: float, level: float) -> tuple[float, float]:
    """Return the interval of a sum of weighted Poisson counts; each end misses it in at most `level` of the draws.

    The gamma interval of Fay and Feuer (1997, Statistics in Medicine 16), which is cautious; of counts that weigh 1
    it is the exact Poisson interval.
    """
    low = squares / total * special.gammaincinv(total**2 / squares, level) if total > 0 else 0.0
    more, more_squares = total + largest, squares + largest**2
    return float(low), float(more_squares / more * special.gammainccinv(more**2 / more_squares, level))


class GroupTest(NamedTuple):
    """Whether the first of two answers is right more often than the second, where products come in groups.

    Attributes:
        value: By how much, in [-1, 1]; NaN of no product.
        standard_error: Robust to groups; NaN of fewer than two groups.
        num_products: Judged by both.
        num_groups: That they are of.
        num_discordant: Products that one of the two has right alone.
        num_discordant_groups: Groups in which the two are not equally often right.
        p_better: One-sided: how often exchanging the two would look as good for the first, were none better.
        p_worse: The same in the other direction.
        method: `z`, the normal distribution; or `sign_flip`, all exchanges of the two within groups. No p of either is
            below 2^-num_discordant_groups.
        discordance: What the interval is made of where the method is `sign_flip`.
    """

    value: float
    standard_error: float
    num_products: int
    num_groups: int
    num_discordant: int
    num_discordant_groups: int
    p_better: float
    p_worse: float
    method: Literal["z", "sign_flip"]
    discordance: Discordance

    def interval(self, level: float) -> tuple[float, float]:
        """Return low and high end of the difference; each end misses the truth in about `level` of the draws.

        A level of 0.025 gives the 95 % interval. The ends agree with the test at the same one-sided level: low is
        above 0 where `p_better` is below it, high below 0 where `p_worse` is.

        With the method `z` it is value -+ z * standard_error. With `sign_flip`, a cautious way: won and lost groups
        have an interval each (Fay and Feuer 1997), joined as in Newcombe 1998 (method 10). An end is moved to 0 where
        it would contradict the test.

        Args:
            level: In (0, 0.5].
        """
        if not 0 < level <= 0.5:
            raise ValueError(f"the level of an interval's end is {level}, expected above 0, at most 0.5")
        if self.num_products == 0:
            return -1.0, 1.0
        if self.method == "z":
            half = -float(special.ndtri(level)) * self.standard_error
            low, high = self.value - half, self.value + half
        else:
            low, high = self._cautious_interval(level)
        low = max(low, 0.0) if self.p_better <= level else min(low, 0.0)
        high = min(high, 0.0) if self.p_worse <= level else max(high, 0.0)
        return max(-1.0, low), min(1.0, high)

    def _cautious_interval(self, level: float) -> tuple[float, float]:
        found = self.discordance
        least_gain, most_gain = _gamma_interval(found.gained, found.gained_squares, found.largest, level)
        least_loss, most_loss = _gamma_interval(found.lost, found.lost_squares, found.largest, level)
        low = self.value - math.hypot(found.gained - least_gain, most_loss - found.lost) / self.num_products
        high = self.value + math.hypot(most_gain - found.gained, found.lost - least_loss) / self.num_products
        return low, high

    def p_not_worse(self, margin: float) -> float:
        """Return the one-sided probability of so good an outcome, were the first worse by the margin.

        It is the level from which on the low end of the interval is above -margin; 1.0 where no level is.

        Args:
            margin: Above 0, as a share: 0.01 is one point.
        """
        if self.num_products == 0:
            return 1.0
        if self.method == "z":
            return float(special.ndtr(-(self.value + margin) / self.standard_error))
        if self.interval(0.5)[0] <= -margin:
            return 1.0
        least, most = math.log(1e-300), math.log(0.5)
        for _ in range(_NUM_HALVINGS):
            middle = (least + most) / 2
            if self.interval(math.exp(middle))[0] > -margin:
                most = middle
            else:
                least = middle
        return math.exp(most)


def _sign_flip(sums: Floats) -> tuple[float, float]:
    """Return in which share of all exchanges the first would win at least, and at most, as many products as it did.

    Exact: sums are whole numbers, so that the distribution over all 2^k patterns of signs is a product of k short
    polynomials. Neither an enumeration nor draws are needed, and no level is out of reach for want of draws.

    Args:
        sums: float64, [num_groups], products won less those lost; groups of 0 say nothing.
    """
    sizes = np.abs(sums[sums != 0]).astype(np.int64)
    share = np.zeros(int(sizes.sum()) + 1)  # of the patterns in which so many products are won
    share[0] = 1.0
    most = 0
    for size in sizes.tolist():
        most += size
        reached = share[: most + 1]
        reached[size:] += reached[:-size].copy()
        reached *= 0.5
    won = int(sums[sums > 0].sum())
    return float(min(1.0, share[won:].sum())), float(min(1.0, share[: won + 1].sum()))


def _discordance(sums: Floats, sizes: Floats) -> Discordance:
    gained, lost = sums[sums > 0], -sums[sums < 0]
    seen = float((sizes**2).sum() / sizes.sum()) if len(sizes) else 1.0
    largest = max(seen, float(np.abs(sums).max(initial=0)))
    return Discordance(
        float(gained.sum()), float((gained**2).sum()), float(lost.sum()), float((lost**2).sum()), largest
    )


def _refuse_bad(difference: Floats, group_id: npt.NDArray[np.generic]) -> None:
    if difference.ndim != 1 or difference.shape != group_id.shape:
        raise ValueError(
            f"a group test of {difference.shape} differences and {group_id.shape} groups: expected a row a product"
        )
    bad = ~np.isin(difference, (-1.0, 0.0, 1.0))
    if bad.any():
        place = int(np.argmax(bad))
        raise ValueError(
            f"the difference of product {place} is {difference[place]}, expected -1, 0 or 1: "
            "give right or wrong of each product, not a share"
        )
    if group_id.dtype.kind == "f" and not np.isfinite(np.asarray(group_id, np.float64)).all():
        raise ValueError("a product has no group: its group_id is not a number; give one group a product")


def group_test(
    difference: npt.ArrayLike, group_id: npt.ArrayLike, counted_below: int = FEWEST_DISCORDANT_GROUPS
) -> GroupTest:
    """Test whether the first of two answers is right more often than the second.

    The mean difference d over n products in G groups has se^2 = G / (G - 1) * sum_g (sum_i (d_i - d))^2 / n^2, the sums
    within groups (cluster-robust, of the family of Obuchowski 1998 and Durkalski et al. 2003, both in Statistics in
    Medicine), and z = d / se. McNemar's test takes products for independent and is wrong here. Below 20 discordant
    groups, or where se is 0, all exchanges of the two within groups are counted instead, which needs no distribution:
    with k discordant groups no p is below 2^-k. The se is around d and not around 0, so that z alone would say less
    where the outcome is extreme (53 of 60 groups lost, none won: 2e-99): its p is held at 2^-k as well.

    Args:
        difference: [n], right of the first less right of the second: -1, 0 or 1. No product gives p = 1.
        group_id: int64, [n].
        counted_below: Of so many discordant groups or more the normal distribution is used; counting takes time with
            the square of their number.
    """
    found, groups = np.asarray(difference, np.float64), np.asarray(group_id)
    _refuse_bad(found, groups)
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    n, num_groups = len(found), len(counts)
    sums, sizes = np.bincount(group, found, num_groups).astype(np.float64), counts.astype(np.float64)
    value = float(sums.sum()) / n if n else math.nan
    robust = float(((sums - sizes * value) ** 2).sum())
    error = math.sqrt(num_groups / (num_groups - 1) * robust) / n if num_groups > 1 else math.nan
    num_discordant_groups = int(np.count_nonzero(sums))
    if num_discordant_groups >= counted_below and robust > 1e-9:
        p_better, p_worse = float(special.ndtr(-value / error)), float(special.ndtr(value / error))
        method: Literal["z", "sign_flip"] = "z"
    else:
        (p_better, p_worse), method = _sign_flip(sums), "sign_flip"
    least = 2.0 ** max(-num_discordant_groups, _LEAST_EXPONENT)  # one pattern of signs
    return GroupTest(
        value, error, n, num_groups, int(np.count_nonzero(found)), num_discordant_groups, max(p_better, least),
        max(p_worse, least), method, _discordance(sums, sizes),
    )  # fmt: skip


def mcnemar_p(difference: npt.ArrayLike) -> float:
    """Return McNemar's exact two-sided probability (1947, Psychometrika 12), which takes products for independent.

    It is shown beside the group test, for whoever knows it, and decides nothing: with copies among the products it says
    "better" too often (docs/measurements.md).

    Args:
        difference: [n], -1, 0 or 1.
    """
    found = np.asarray(difference)
    num_gained, num_lost = int((found > 0).sum()), int((found < 0).sum())
    rarer = special.bdtr(min(num_gained, num_lost), num_gained + num_lost, 0.5)
    return min(1.0, 2 * float(rarer))
