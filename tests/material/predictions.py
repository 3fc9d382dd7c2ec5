"""Drawn predictions in groups, and the slow, obvious bootstrap to compare intervals with."""

import numpy as np
import pandas as pd

from cdiscount_tasks.learning.measuring.confusion import LEVELS as LEVEL_COLUMNS

LEVELS = [("A", "x", "1"), ("A", "x", "2"), ("A", "y", "3"), ("B", "x", "1"), ("A", "x", "1")]
"""Of five classes. The fourth's level 2 is called as others are, below a different level 1; the fifth has the path of
the first."""


def make_classes(num_classes, levels=None, num_products_train=None):
    """Return as much of classes.parquet as is measured by; `levels`: a row of three names per class."""
    levels = levels or [("ALL", "SOME", str(index)) for index in range(num_classes)]
    table = pd.DataFrame(levels, columns=list(LEVEL_COLUMNS))
    return table.assign(num_products_train=num_products_train or range(num_classes, 0, -1))


def make_predictions(num_groups=200, num_classes=4, seed=0):
    """Return true classes, predictions and group ids; groups hold one to four products that are mostly alike."""
    random = np.random.default_rng(seed)
    group_id = np.repeat(random.permutation(num_groups) * 11, random.integers(1, 5, num_groups))
    group_right = random.random(num_groups * 11) < 0.8
    true = random.choice(
        num_classes, len(group_id), p=np.arange(num_classes, 0, -1) / np.arange(1, num_classes + 1).sum()
    )
    right = np.where(random.random(len(group_id)) < 0.9, group_right[group_id], random.random(len(group_id)) < 0.5)
    predicted = np.where(right, true, random.integers(0, num_classes, len(group_id)))
    return true, predicted, group_id


def plain_bootstrap(statistic, group_id, seed, num_draws=2_000):
    """Resample groups the slow, obvious way and return the 2.5 % and 97.5 % percentiles of a statistic of the rows."""
    random = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(group_id == group) for group in np.unique(group_id)]
    draws = []
    for _ in range(num_draws):
        chosen = random.integers(0, len(rows_of), len(rows_of))
        draws.append(statistic(np.concatenate([rows_of[group] for group in chosen])))
    return np.percentile(draws, [2.5, 97.5])
