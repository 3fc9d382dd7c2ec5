"""Can a classifier tell the new pictures from those that were learnt? If so, it says by which pictures.

The classifier two-sample test (Lopez-Paz and Oquab 2017, ICLR) on features that are there anyway. Each row must be of a
group of its own: with copies on both sides of a fold, a classifier knows a picture again and finds drift in anything.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.features.head import Bools, Ints, predict_by_head
from cdiscount_tasks.learning.measuring.intervals import Figure, figure_of, percentiles
from cdiscount_tasks.learning.measuring.shares import Floats

NUM_FOLDS = 5
MOST_SHOWN = 12
"""Pictures of each side."""

LEAST_AUC, LEAST_LOW = 0.60, 0.55
"""An alarm needs an AUC above the first, and the lower end of its interval above the second."""

_NUM_DRAWS = 500  # of the interval; 2,000 moved its ends by less than 0.002


class ToldApart(NamedTuple):
    """How well the two sides are told apart.

    Attributes:
        auc: How often a new picture looks newer than an old one, of all pairs: 0.5 where nothing tells them apart.
        score: float64, [n], the probability that the picture is a new one, by a classifier that did not learn from it.
    """

    auc: Figure
    score: Floats

    @property
    def is_alarm(self) -> bool:
        """Return whether the sides differ by more than chance and by enough to matter."""
        value, low = self.auc["value"], self.auc["low"]
        return value is not None and low is not None and value > LEAST_AUC and low > LEAST_LOW


def _auc_of_draws(score: Floats, is_now: Bools, times: Floats) -> Floats:
    """Return the area under the ROC curve, ties counted half, for rows that count several times.

    Args:
        score: float64, [n].
        is_now: bool, [n].
        times: float64, [num_draws, n], how often each row counts; each side at least once in each draw.

    Returns:
        float64, [num_draws].
    """
    order = np.argsort(score, kind="stable")
    score, is_now, times = score[order], is_now[order], times[:, order]
    before = np.where(is_now, 0, times).cumsum(axis=1)
    first = np.searchsorted(score, score, side="left")
    last = np.searchsorted(score, score, side="right") - 1
    below = np.where(first > 0, before[:, np.maximum(first - 1, 0)], 0)
    placed = (below + before[:, last]) / 2 * np.where(is_now, times, 0)
    return np.asarray(placed.sum(axis=1) / (before[:, -1] * times[:, is_now].sum(axis=1)))


def _draws(is_now: Bools, random: np.random.Generator) -> Floats:
    """Draw the rows of each side with replacement: float64, [_NUM_DRAWS, n], how often each is drawn."""
    times = np.zeros((_NUM_DRAWS, len(is_now)))
    for side in (np.flatnonzero(is_now), np.flatnonzero(~is_now)):
        for draw in times:
            draw[side] = np.bincount(random.integers(0, len(side), len(side)), minlength=len(side))
    return times


def _deal(is_now: Bools, random: np.random.Generator) -> Ints:
    """Deal the rows of each side into folds of equal size: int64, [n]."""
    fold = np.empty(len(is_now), np.int64)
    for side in (is_now, ~is_now):
        fold[side] = random.permutation(np.arange(side.sum()) % NUM_FOLDS)
    return fold


def tell_apart(features: npt.NDArray[np.float32], is_now: Bools, seed: int) -> ToldApart:
    """Let a logistic classifier tell the sides apart, each picture judged by one that learnt from others.

    Args:
        features: float32, [n, num_features], one picture of each group.
        is_now: bool, [n], at least NUM_FOLDS rows of either side.
        seed: Of the folds and of the interval.
    """
    random = np.random.default_rng(seed)
    fold, score = _deal(is_now, random), np.empty(len(is_now))
    side = is_now.astype(np.int64)
    for number in range(NUM_FOLDS):
        judged = fold == number
        score[judged] = predict_by_head(features, side, ~judged, judged, num_classes=2)[:, 1]
    value = float(_auc_of_draws(score, is_now, np.ones((1, len(score))))[0])
    interval = percentiles(_auc_of_draws(score, is_now, _draws(is_now, random)))
    return ToldApart(figure_of(value, interval, len(score), len(score)), score)


def most_telling(score: Floats, is_now: Bools) -> tuple[Ints, Ints]:
    """Return the rows that show the drift: the old ones that look oldest, and the new ones that look newest.

    Returns:
        int64, [MOST_SHOWN or fewer] each, the surest first.
    """
    order = np.argsort(score, kind="stable")
    before, now = order[~is_now[order]][:MOST_SHOWN], order[is_now[order]][::-1][:MOST_SHOWN]
    return before, now
