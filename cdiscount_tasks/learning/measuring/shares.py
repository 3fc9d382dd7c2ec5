"""Intervals of shares (accuracy, recall, ...) of products that come in groups: arrays in, arrays out."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

CONFIDENCE = 0.95

_Z = float(special.ndtri(0.5 + CONFIDENCE / 2))
_SUMS = ["m", "y", "groups", "squares", "within"]
_NUM_HALVINGS = 45  # of [0, 1]: far below the six digits that are told

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


def design_effects(group_sizes: npt.ArrayLike, group_hits: npt.ArrayLike, of: npt.ArrayLike) -> Floats:
    """Return by how much groups inflate the variance of each of many shares (Kish 1965, Survey Sampling).

    1 + (size - 1) * correlation, with the size of the group that a product sees, sum(m^2) / sum(m).

    Args:
        group_sizes: [num_pairs], of each pair of a share and a group: the products, at least 1.
        group_hits: [num_pairs], how many of them are right.
        of: int, [num_pairs], which share the pair belongs to.

    Returns:
        float64, [num_shares], each at least 1: of the shares that occur in `of`, ascending.
    """
    total = _as_pairs(group_sizes, group_hits, of).groupby("of")[_SUMS].sum()
    return np.asarray(1 + (total["squares"] / total["m"] - 1) * _correlations(total))


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
    pairs = _as_pairs(group_sizes, group_hits, of)
    total = pairs.groupby("of")[_SUMS].sum()
    # Of equally large groups their mean is taken apart: the order of groups must not matter.
    apart = pairs[pairs["m"] == pairs.groupby("of")["m"].transform("max")].groupby("of")[_SUMS].mean()
    others = total - apart
    correlation = _correlations(others)
    n, hits = total["m"].to_numpy(), total["y"].to_numpy()
    largest, num_others = apart["m"].to_numpy(), others["m"].to_numpy()
    inflated = num_others + (others["squares"].to_numpy() - num_others) * correlation

    def share_of_draws_below(p: Floats) -> Floats:
        """Return how often at most as many products would be right as were found."""
        spread = inflated * p * (1 - p)
        all_right = special.ndtr(divide(hits - largest - num_others * p, np.sqrt(spread)))
        all_wrong = special.ndtr(divide(hits - num_others * p, np.sqrt(spread)))
        mixed = special.ndtr((hits - n * p) / np.sqrt(spread + largest * p * (1 - p)))
        return np.asarray(correlation * (p * all_right + (1 - p) * all_wrong) + (1 - correlation) * mixed)

    def share_that_gives(draws_below: float) -> Floats:
        low, high = np.zeros(len(n)), np.ones(len(n))
        for _ in range(_NUM_HALVINGS):
            middle = (low + high) / 2
            is_below = share_of_draws_below(middle) > draws_below
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return low

    # Of one group nothing is left to be normal: it tells as much as one product.
    wilson = wilson_interval(hits / n, np.where(num_others == 0, 1.0, n))
    is_wilson = (largest == 1) | (num_others == 0)
    low = np.where(hits == 0, 0.0, np.where(is_wilson, 1.0, share_that_gives(0.5 + CONFIDENCE / 2)))
    high = np.where(hits == n, 1.0, np.where(is_wilson, 0.0, share_that_gives(0.5 - CONFIDENCE / 2)))
    return np.minimum(low, wilson[0]), np.maximum(high, wilson[1])
