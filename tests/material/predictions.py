"""Drawn predictions in groups, and the slow, obvious bootstrap to compare intervals with."""

import numpy as np


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
