"""Intervals of shares (accuracy, recall, ...) of products that come in groups: arrays in, arrays out."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

CONFIDENCE = 0.95

_Z = float(special.ndtri(0.5 + CONFIDENCE / 2))
_SUMS = ["m", "y", "groups", "squares", "within"]
_NUM_HALVINGS = 45  # of [0, 1]: far below the six digits that are shown

Floats = npt.NDArray[np.float64]


def divide(numerators: Any, denominators: Any) -> Floats:
    """Divide; NaN where the denominator is 0."""
    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    undefined = np.full_like(numerators, np.nan)
    return np.asarray(np.divide(numerators, denominators, out=undefined, where=denominators != 0))


def wilson_interval(share: Any, n: Any) -> tuple[Any, Any]:
    """Return the Wilson score interval of a share seen in n trials (Wilson 1927, JASA 22); also of arrays of both."""
    centre = (share + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * np.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def _as_pairs(group_sizes: npt.ArrayLike, group_hits: npt.ArrayLike, of: npt.ArrayLike) -> pd.DataFrame:
    """Return of each pair: m (products), y (right ones), groups (1), squares (of m), within (y^2 / m), of."""
    pairs = pd.DataFrame({"m": np.asarray(group_sizes, float), "y": np.asarray(group_hits, float), "of": of})
    return pairs.assign(groups=1.0, squares=pairs["m"] ** 2, within=pairs["y"] ** 2 / pairs["m"])


def _correlations(total: pd.DataFrame) -> Floats:
    """Return how much alike right and wrong are within groups: 0 as chance has it, 1 where each group is all one.

    By the one-way analysis of variance (Ridout, Demetrio and Firth 1999, Biometrics 55), kept in [0, 1]. Where it
    cannot be estimated (all right, all wrong, one group) it is 1: a group tells no more than one product.
    """
    n, size = total["m"], divide(total["squares"], total["m"])
    between = divide(total["within"] - divide(total["y"] ** 2, n), total["groups"] - 1)
    inside = divide(total["y"] - total["within"], n - total["groups"])
    usual_size = divide(n - size, total["groups"] - 1)
    found = divide(between - inside, between + (usual_size - 1) * inside)
    told = (total["y"] > 0) & (total["y"] < n) & np.isfinite(found)
    return np.asarray(np.where(told, np.clip(found, 0, 1), 1))


class _Counts(NamedTuple):
    """What the intervals of shares are made of: each float64, [num_shares].

    Attributes:
        n: Products.
        hits: Right ones.
        largest: Products of the largest group, which is taken apart.
        num_others: Products of all other groups.
        inflated: Theirs times their design effect: what makes the variance of their right products.
        correlation: How much alike right and wrong are within groups.
    """

    n: Floats
    hits: Floats
    largest: Floats
    num_others: Floats
    inflated: Floats
    correlation: Floats

    def draws_below(self, p: Floats) -> Floats:
        """Return in which share of draws at most as many products would be right as were found, were p the truth."""
        # A group of m adds m p (1 - p) (1 + (m - 1) r) to the variance; over the groups that is p (1 - p) times n, plus
        # r times what sum(m^2) exceeds n by.
        spread = self.inflated * p * (1 - p)
        all_right = special.ndtr(divide(self.hits - self.largest - self.num_others * p, np.sqrt(spread)))
        all_wrong = special.ndtr(divide(self.hits - self.num_others * p, np.sqrt(spread)))
        # Its products are independent here, with probability 1 - r: that is what a correlation of r means.
        mixed = special.ndtr((self.hits - self.n * p) / np.sqrt(spread + self.largest * p * (1 - p)))
        whole = p * all_right + (1 - p) * all_wrong
        return np.asarray(self.correlation * whole + (1 - self.correlation) * mixed)

    def share_that_gives(self, draws_below: float) -> Floats:
        """Return the true share under which `draws_below` has a value: it falls from 1 to 0 as p rises, so by halving.

        With the largest group apart there is no closed form, as Wilson's is one.
        """
        low, high = np.zeros(len(self.n)), np.ones(len(self.n))
        for _ in range(_NUM_HALVINGS):
            middle = (low + high) / 2
            is_below = self.draws_below(middle) > draws_below
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return low


def _count(pairs: pd.DataFrame) -> _Counts:
    """Count the products of each share, those of its largest group apart."""
    total = pairs.groupby("of")[_SUMS].sum()
    # Of equally large groups their mean is taken apart: the order of groups must not matter.
    apart = pairs[pairs["m"] == pairs.groupby("of")["m"].transform("max")].groupby("of")[_SUMS].mean()
    others = total - apart
    # One group of a tenth of the products is a single trial, yet weighs in the variance between groups as a tenth of
    # all of them does: with it the correlation would say how that one group came out.
    correlation = _correlations(others)
    num_others = others["m"].to_numpy()
    inflated = num_others + (others["squares"].to_numpy() - num_others) * correlation
    return _Counts(
        total["m"].to_numpy(), total["y"].to_numpy(), apart["m"].to_numpy(), num_others, inflated, correlation
    )


def score_intervals(group_sizes: npt.ArrayLike, group_hits: npt.ArrayLike, of: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % intervals of many shares of products that come in groups.

    A true share p lies in the interval when it makes what was found likely: neither as few right products nor as many
    would come in 2.5 % of the draws. Wilson's interval is that for independent products. Here the largest group is
    taken apart: with the correlation r within groups it is all right (r p), all wrong (r (1 - p)) or mixed (1 - r);
    the others are taken as normal, their variance inflated by their design effect 1 + (m - 1) r, with m = sum(m_g^2) /
    sum(m_g) the size of the group that a product sees (Kish 1965, Survey Sampling). r is estimated without the largest
    group, which would drown the others. No interval is narrower than Wilson's on the products, and without groups it
    is Wilson's.

    How often it covers the truth is measured by `python -m benchmarks.belief.interval_coverage` (docs/measurements.md).

    Args:
        group_sizes: [num_pairs], of each pair of a share and a group: the products, at least 1.
        group_hits: [num_pairs], how many of them are right.
        of: int, [num_pairs], which share the pair belongs to.

    Returns:
        float64, [num_shares] each: low and high ends, of the shares that occur in `of`, ascending.
    """
    counts = _count(_as_pairs(group_sizes, group_hits, of))
    n, hits = counts.n, counts.hits
    # Of one group nothing is left to be normal: it tells as much as one product.
    wilson = wilson_interval(hits / n, np.where(counts.num_others == 0, 1.0, n))
    # 1.0 as the low end and 0.0 as the high one leave it to Wilson's ends, below.
    is_wilson = (counts.largest == 1) | (counts.num_others == 0)
    low = np.where(hits == 0, 0.0, np.where(is_wilson, 1.0, counts.share_that_gives(0.5 + CONFIDENCE / 2)))
    high = np.where(hits == n, 1.0, np.where(is_wilson, 0.0, counts.share_that_gives(0.5 - CONFIDENCE / 2)))
    # A mixture of normals may have a shorter tail on one side than a single one: an interval that is narrower than with
    # independent products would owe that to the approximation, not to the groups.
    return np.minimum(low, wilson[0]), np.maximum(high, wilson[1])
