"""Figures with 95 % intervals that respect groups of products.

Products that share an image stand or fall together. Shares (accuracies, recall, ...) have the interval of shares.py,
means (log-loss, gains, ...) that of means.py; differences over other draws resample whole groups. All cover the choice
of test products: the truth that they mean is the figure over the population that the test groups are drawn from. What
another training run would give they do not cover.
"""

import math
from collections.abc import Callable
from typing import Any, TypedDict, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from cdiscount_tasks.learning.measuring.means import mean_interval
from cdiscount_tasks.learning.measuring.shares import CONFIDENCE, Floats, score_intervals, wilson_interval

NUM_DRAWS = 2_000

_SEED = 0
_CELLS_AT_ONCE = 8_000_000  # draws x distinct groups held in memory: 64 MB
_WIDEST_COMPARED = 64  # columns; wider rows are seldom alike, and comparing them costs more than drawing them


class Figure(TypedDict):
    """A number with its interval; null where undefined.

    `n` counts the products (or images) that it is over, `num_groups` the groups that these come from.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    num_groups: int


def _rounded(number: float) -> float | None:
    """Round beyond what sums in another order could change, so that the same predictions give the same JSON."""
    return round(float(number), 6) if np.isfinite(number) else None


def known_exactly(value: float | None, n: int, num_groups: int) -> Figure:
    """Return a figure that was counted, not estimated: it has no interval."""
    return Figure(value=None if value is None else _rounded(value), low=None, high=None, n=n, num_groups=num_groups)


def _draw_times(counts: npt.NDArray[np.int64], num_draws: int, random: np.random.Generator) -> Floats:
    """Draw as many groups as there are, with replacement, and count how often each distinct row occurs.

    NumPy's multinomial costs about 50 ns a distinct row, drawing group by group 9 ns a group; the law is the same.

    Args:
        counts: int64, [num_rows], the groups that each distinct row stands for.
        num_draws: How many times.
        random: What draws.

    Returns:
        float64, [num_draws, num_rows].
    """
    num_groups = int(counts.sum())
    if num_groups > 5 * len(counts):
        return np.asarray(random.multinomial(num_groups, counts / num_groups, size=num_draws), np.float64)
    row_of_group = np.repeat(np.arange(len(counts)), counts)
    times = np.empty((num_draws, len(counts)))
    for draw in times:
        draw[:] = np.bincount(row_of_group[random.integers(0, num_groups, num_groups)], minlength=len(counts))
    return times


def resampled_sums(values: Any, group_id: npt.NDArray[np.int64], seed: int = _SEED) -> Floats:
    """Draw groups with replacement and sum the values of their members.

    Groups with equal sums are interchangeable, so that drawing how often each *distinct* row of sums occurs is the
    same bootstrap: a million groups that are right or wrong cost no more than a few dozen.

    Args:
        values: float64, [n, num_sums], an array or a SciPy sparse array.
        group_id: int64, [n].
        seed: Of the draws.

    Returns:
        float64, [NUM_DRAWS, num_sums].
    """
    groups, group = np.unique(group_id, return_inverse=True)
    num_groups = len(groups)
    members = sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(num_groups, len(group)))
    sums = members @ values
    counts: npt.NDArray[np.int64] = np.ones(num_groups, np.int64)
    if sums.shape[1] <= _WIDEST_COMPARED:
        dense = sums.toarray() if sparse.issparse(sums) else sums
        alike = pd.DataFrame(dense).groupby(list(range(dense.shape[1]))).size()  # ten times as fast as np.unique
        sums, counts = alike.index.to_frame().to_numpy(np.float64), np.asarray(alike, np.int64)
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // len(counts))
    drawn = []
    for first in range(0, NUM_DRAWS, at_once):
        size = min(at_once, NUM_DRAWS - first)
        drawn.append((sums.T @ _draw_times(counts, size, random).T).T)
    return np.concatenate(drawn)


def percentiles(draws: Floats) -> tuple[float, float]:
    """Return the ends of the middle 95 % of the draws that are defined; NaN where none is."""
    defined = draws[np.isfinite(draws)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)


def num_effective(weights: npt.ArrayLike, group_id: npt.NDArray[np.int64]) -> float:
    """Return how many independent products weigh as much as these, where a group tells no more than one (Kish 1965).

    Args:
        weights: [n], each at least 0, not all 0.
        group_id: int64, [n].
    """
    sums = np.bincount(np.unique(group_id, return_inverse=True)[1], np.asarray(weights, np.float64))
    return float(sums.sum() ** 2 / (sums**2).sum())


def figure_of(value: float, interval: tuple[float, float], n: int, num_groups: int) -> Figure:
    """Return an estimate with its interval, rounded; what is not finite is null."""
    low, high = interval
    return Figure(value=_rounded(value), low=_rounded(low), high=_rounded(high), n=n, num_groups=num_groups)


def mean_figure(values: npt.ArrayLike, group_id: npt.ArrayLike, is_share: bool = True) -> Figure:
    """Return a mean over products or images with the interval of `mean_interval`.

    Args:
        values: [n].
        group_id: int64, [n].
        is_share: The mean lies in [0, 1], as that of each product's share of right images; of right and wrong
            `share_figure` is better. Where products cannot tell (one group, or all the same), such a figure takes the
            Wilson interval on as many products as the groups are worth where each tells no more than one; others have
            no interval then.
    """
    found, groups = np.asarray(values, np.float64), np.asarray(group_id, np.int64)
    n, num_groups = len(groups), len(np.unique(groups))
    value = float(found.mean()) if n else float("nan")
    if not np.isfinite(value):
        return known_exactly(None, n, num_groups)
    low, high = mean_interval(found, groups)
    if is_share and not high > low:
        low, high = wilson_interval(value, num_effective(np.ones(n), groups))
    return figure_of(value, (low, high), n, num_groups)


def _unchanged(share: Any) -> Any:
    return share


def share_figures(
    of: npt.ArrayLike,
    right: npt.ArrayLike,
    group_id: npt.ArrayLike,
    num_shares: int,
    told_as: Callable[[Any], Any] = _unchanged,
) -> list[Figure]:
    """Return many shares at once, each with the interval of `score_intervals`.

    Args:
        of: int, [n], which share each row belongs to, in [0, num_shares).
        right: bool, [n], whether the row counts for its share.
        group_id: int64, [n].
        num_shares: Above every `of`; a share without a row is undefined.
        told_as: An increasing function, of arrays, that turns a share and its interval into the figure.
    """
    rows = pd.DataFrame({"of": of, "right": np.asarray(right, np.float64), "group": group_id})
    pairs = rows.groupby(["of", "group"])["right"].agg(["sum", "size"]).reset_index()
    shares = pairs.groupby("of").agg(hits=("sum", "sum"), n=("size", "sum"), num_groups=("size", "size"))
    value = (shares["hits"] / shares["n"]).to_numpy()
    low, high = score_intervals(pairs["size"], pairs["sum"], pairs["of"])
    ends = zip(told_as(value), told_as(low), told_as(high), shares["n"], shares["num_groups"], strict=True)
    found = {
        index: figure_of(middle, (left, right_end), int(n), int(num_groups))
        for index, (middle, left, right_end, n, num_groups) in zip(shares.index, ends, strict=True)
    }
    return [found.get(index) or known_exactly(None, 0, 0) for index in range(num_shares)]


def share_figure(right: npt.ArrayLike, group_id: npt.ArrayLike) -> Figure:
    """Return one share of share_figures; the arguments are those of mean_figure."""
    rows = np.asarray(right)
    return share_figures(np.zeros(len(rows), np.int64), rows, group_id, 1)[0]


def difference_of_accuracies(
    correct_a: npt.ArrayLike, group_a: npt.ArrayLike, correct_b: npt.ArrayLike, group_b: npt.ArrayLike
) -> Figure:
    """Return the accuracy on a minus that on b, two samples without a common product.

    Its interval is made of those of the two accuracies (Newcombe 1998, Statistics in Medicine 17, method 10): each end
    lies as far off as the two ends that push it there, squared and added. Swapping a and b turns its sign.

    Args:
        correct_a: bool, [num_a], at least one. The others accordingly.
        group_a: int64, [num_a].
        correct_b: bool, [num_b].
        group_b: int64, [num_b].
    """
    a, b = share_figure(correct_a, group_a), share_figure(correct_b, group_b)
    (p, low_p, high_p), (q, low_q, high_q) = (
        (cast(float, one["value"]), cast(float, one["low"]), cast(float, one["high"])) for one in (a, b)
    )
    interval = p - q - math.hypot(p - low_p, high_q - q), p - q + math.hypot(high_p - p, q - low_q)
    return figure_of(p - q, interval, a["n"] + b["n"], a["num_groups"] + b["num_groups"])
