"""How far other seeds of a training move its accuracy, and what other products and other seeds would give."""

from typing import TypedDict

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.intervals import Figure, figure_of, percentiles
from cdiscount_tasks.learning.measuring.seeds import Stratum, draw_groups_and_seeds
from cdiscount_tasks.learning.measuring.shares import wilson_interval

FEWEST_FOR_INTERVAL = 3
ENOUGH_SEEDS = 5
"""In simulations the interval of the mean held the truth in 92 to 99 % with three seeds, in 94 to 97 % with five. Where
seeds differ far more than products leave unknown, it held it in 82 % with three, 94 % with five and 88 % with ten, and
with two in 74 %: more seeds do not mend that (docs/measurements.md)."""

_DIGITS = 6


class Spread(TypedDict):
    """Accuracies under several seeds, the model's own among them.

    Attributes:
        mean: Over seeds; its interval covers the choice of test products, by groups, and the choice of seeds. Two seeds
            have none: they say too little about others.
        deviation: The standard deviation over seeds, in shares of 1 (n - 1 in the denominator).
        lowest, highest: Of the seeds'.
        model: The model's own.
        num_higher: How many other seeds have a higher one than the model.
        num_equal: How many others have the same.
    """

    mean: Figure
    deviation: float
    lowest: float
    highest: float
    model: float
    num_higher: int
    num_equal: int


def measure_spread(right: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64]) -> Spread:
    """Measure how far accuracies under several seeds are apart.

    Args:
        right: bool, [n, num_seeds], two seeds at least: which products (or images) are judged right; the model's own
            seed comes first.
        group_id: int64, [n], n at least 1.
    """
    num_right = right.sum(axis=0)
    accuracies = num_right / len(right)
    rows = right.astype(np.float64)[:, :, None]
    value, draws = draw_groups_and_seeds([Stratum(rows, np.ones_like(rows), group_id, seed=0)], seed_of_seeds=0)
    mean, num_groups = float(value[0]), len(np.unique(group_id))
    interval = percentiles(draws[:, 0])
    if right.shape[1] < FEWEST_FOR_INTERVAL:
        interval = np.nan, np.nan
    elif interval[0] == interval[1]:  # every draw the same: resampling cannot tell
        interval = wilson_interval(mean, num_groups)
    return Spread(
        mean=figure_of(mean, interval, len(right), num_groups),
        deviation=round(float(accuracies.std(ddof=1)), _DIGITS),
        lowest=round(float(accuracies.min()), _DIGITS),
        highest=round(float(accuracies.max()), _DIGITS),
        model=round(float(accuracies[0]), _DIGITS),
        num_higher=int((num_right[1:] > num_right[0]).sum()),
        num_equal=int((num_right[1:] == num_right[0]).sum()),
    )
