"""Intervals of the mean F1 over classes, and where there is none: arrays in, numbers out."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cdiscount_tasks.learning.measuring.means import mean_interval
from cdiscount_tasks.learning.measuring.shares import Floats, divide

FEWEST_GROUPS_OF_CLASS = 3
"""A mean F1 over classes of which one has fewer groups of test products has no interval: of 50 classes, the rarest
with one or two groups, it covered 87 % in simulations, and 94 % where the rarest had two or three."""


class _Counts(NamedTuple):
    """Of each class: float64, [num_classes]."""

    hits: Floats
    support: Floats
    touched: Floats
    f1: Floats


def _count(true: npt.NDArray[Any], predicted: npt.NDArray[Any], num_classes: int) -> _Counts:
    hits = np.bincount(true[true == predicted], minlength=num_classes).astype(np.float64)
    support = np.bincount(true, minlength=num_classes).astype(np.float64)
    touched = support + np.bincount(predicted, minlength=num_classes)
    return _Counts(hits, support, touched, np.nan_to_num(divide(2 * hits, touched)))


def _biases(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], group: npt.NDArray[np.int64], counts: _Counts
) -> Floats:
    """Return by how much each class's F1 lies too high on average, float64, [num_classes]: of a ratio, second order.

    F1 = 2 hits / touched: its bias is (F1 var(touched) - cov(2 hits, touched)) / touched^2 (Cochran 1977, Sampling
    Techniques, 6.8), with the variance over groups.
    """
    num_groups, shape = int(group.max()) + 1, (int(group.max()) + 1, len(counts.hits))
    ones = np.ones(len(true))
    hits = sparse.csr_array((ones * (true == predicted), (group, true)), shape=shape)
    touched = sparse.csr_array((ones, (group, true)), shape=shape)
    touched += sparse.csr_array((ones, (group, predicted)), shape=shape)
    variance = np.asarray((touched * touched).sum(axis=0)) - counts.touched**2 / num_groups
    covariance = 2 * (np.asarray((hits * touched).sum(axis=0)) - counts.hits * counts.touched / num_groups)
    return np.nan_to_num(divide(counts.f1 * variance - covariance, counts.touched**2))


def _has_interval(true: npt.NDArray[Any], group: npt.NDArray[np.int64], counts: _Counts) -> bool:
    """Return whether simulations found that the interval covers as it should.

    Not where a class that occurs has few groups, nor where one group weighs more than all others together (in squared
    sizes, as its variance counts): there it covered nearly always, since F1 of a class that one group fills is no sum.
    """
    sizes = np.bincount(group).astype(np.float64) ** 2
    pairs = np.unique(true.astype(np.int64) * len(sizes) + group) // len(sizes)
    groups_of_class = np.bincount(pairs, minlength=len(counts.hits))[counts.touched > 0]
    return bool(groups_of_class.min() >= FEWEST_GROUPS_OF_CLASS and sizes.max() <= sizes.sum() / 2)


def mean_f1_intervals(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], group_id: npt.NDArray[np.int64], num_classes: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the 95 % intervals of the macro and of the weighted F1, over the classes that occur.

    Each product's part in the mean F1 is the derivative of its counts (the delta method); the parts have the interval
    of `mean_interval`, moved by what the mean F1 of few products is too low on average.

    Args:
        true: Class index of each product, [n], at least one.
        predicted: [n].
        group_id: int64, [n].
        num_classes: Above every class index.

    Returns:
        Low and high end of each, which hold the mean F1 found; NaN where simulations found no interval that keeps its
        promise, or that found lies outside.
    """
    group = np.unique(group_id, return_inverse=True)[1]
    counts, n = _count(true, predicted, num_classes), len(true)
    nothing = float("nan"), float("nan")
    if not _has_interval(true, group, counts):
        return nothing, nothing
    occurs, biases = counts.touched > 0, _biases(true, predicted, group, counts)
    own = divide(2.0 * (true == predicted) - counts.f1[true], counts.touched[true])
    called = divide(counts.f1[predicted], counts.touched[predicted])
    intervals = []
    for weights, is_weighted in ((occurs / occurs.sum(), False), (counts.support / n, True)):
        value = float(weights @ counts.f1)
        parts = n * (weights[true] * own - weights[predicted] * called) + value
        if is_weighted:
            parts += counts.f1[true] - value
        low, high = (end - float(weights @ biases) for end in mean_interval(parts, group))
        intervals.append((max(0.0, low), min(1.0, high)) if low <= value <= high else nothing)
    return intervals[0], intervals[1]
