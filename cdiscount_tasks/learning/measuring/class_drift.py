"""Which classes have another share than before, which are new, and which have vanished: arrays in, numbers out.

Every count is of independent groups. Classes that both sides have are tested by one product a group; a class that one
side lacks by the chance that all its groups came to be on the other.
"""

from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from cdiscount_tasks.learning.measuring.intervals import Figure, figure_of, known_exactly
from cdiscount_tasks.learning.measuring.shares import Floats, divide, wilson_interval

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEVEL = 0.03
"""Of the test over all classes; properties have 0.01, and the classifier's thresholds the rest of 0.05."""

LEAST_FACTOR, LEAST_POINTS = 1.25, 0.05
"""A share that chance does not explain is an alarm where it changed by this factor, or by so much."""

LEAST_VARIATION = 0.05
"""Of the lower end of the total variation's interval: many small changes are an alarm too."""

_NUM_DRAWS = 500
_NOISE = 0.96  # drawn from estimated shares the noise is a little small: at 0.95 the interval covered 94.5 %


class ClassChange(TypedDict):
    """One class on both sides.

    Attributes:
        category_id: The class.
        name: What it is called.
        change: `common`, `new` or `vanished`: which side has it.
        before: Its share of the groups compared; an interval for each side by itself.
        now: The same of the new products.
        num_products_before: Of all products that the champion's labels hold.
        num_products_now: Of all products that the new labels hold.
        p: By Holm over all classes: how probable such a change is by chance alone.
        alarm: Whether chance does not explain it, and it is large enough to matter.
    """

    category_id: int
    name: str
    change: str
    before: Figure
    now: Figure
    num_products_before: int
    num_products_now: int
    p: float
    alarm: bool


class ClassDrift(NamedTuple):
    """All classes.

    Attributes:
        classes: The least probable change first.
        total_variation: How far apart the shares are: half the sum of all differences, 0 to 1. Its lower end is 0
            where chance alone can be the reason.
    """

    classes: list[ClassChange]
    total_variation: Figure


def holm(p: npt.ArrayLike) -> Floats:
    """Return p-values that hold for the whole family (Holm 1979, Scandinavian Journal of Statistics 6).

    Args:
        p: float64, [num_tests].
    """
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    found = np.empty(len(raw))
    found[order] = np.minimum(stepped, 1)
    return found


def p_of_shares(before: Ints, now: Ints) -> Floats:
    """Return of each class how probable its counts are where the sides do not differ: hypergeometric, two-sided mid-p.

    Args:
        before: int64, [num_classes], groups of each class before.
        now: int64, [num_classes].
    """
    num_before, num_now = int(before.sum()), int(now.sum())
    if not num_before or not num_now:
        return np.ones(len(before))
    law = stats.hypergeom(num_before + num_now, before + now, num_now)
    half = law.pmf(now) / 2
    below, above = law.cdf(now - 1) + half, law.sf(now) + half
    return np.asarray(np.minimum(1, 2 * np.minimum(below, above)))


def _p_of_lists(groups_before: Ints, groups_now: Ints) -> Floats:
    """Return, for classes that only one side has, how probable it is that no group of theirs is on the other side."""
    is_now = groups_now > 0
    total = groups_before.sum() + groups_now.sum()
    share = np.where(is_now, groups_now.sum(), groups_before.sum()) / max(1, total)
    return np.asarray(share ** np.where(is_now, groups_now, groups_before))


def _total_variation(before: Ints, now: Ints, seed: int) -> Figure:
    """Return the total variation between two sets of counts, with an interval that holds whatever the truth is.

    The distance found is off by no more than the distance between the noise of both (the triangle inequality); how
    large that becomes is drawn. So the interval is wide, and its lower end is 0 where chance can be the reason.
    """
    n = int(before.sum() + now.sum())
    if not before.sum() or not now.sum():
        return known_exactly(None, n, n)
    random = np.random.default_rng(seed)
    first, second = before / before.sum(), now / now.sum()
    of_first, of_second = (
        random.multinomial(counts.sum(), share, _NUM_DRAWS) / counts.sum() - share
        for counts, share in ((before, first), (now, second))
    )
    value = float(np.abs(first - second).sum() / 2)
    off = float(np.quantile(np.abs(of_first - of_second).sum(axis=1) / 2, _NOISE))
    return figure_of(value, (max(0.0, value - off), min(1.0, value + off)), n, n)


def _share_figures(counts: Ints) -> list[Figure]:
    n = int(counts.sum())
    if not n:
        return [known_exactly(None, 0, 0)] * len(counts)
    low, high = wilson_interval(counts / n, n)
    return [figure_of(*one, n, n) for one in zip(counts / n, zip(low, high, strict=True), strict=True)]


def is_large(before: Ints, now: Ints) -> Bools:
    """Return which shares changed by enough to matter, whatever chance says; the arguments are those of p_of_shares."""
    first, second = divide(before, before.sum()), divide(now, now.sum())
    factor = divide(np.maximum(first, second), np.minimum(first, second))
    return np.asarray(~(factor < LEAST_FACTOR) | (np.abs(first - second) >= LEAST_POINTS))


def compare_classes(category_id: Ints, is_now: Bools, lists: pd.DataFrame, seed: int) -> ClassDrift:
    """Compare the classes of two sides.

    Args:
        category_id: int64, [n], the class of one product a group; without rows of a side only the lists are compared.
        is_now: bool, [n].
        lists: By category_id, ascending, of all that either labels hold: name, products_before, products_now,
            groups_before, groups_now. A class that only one side has is known here.
        seed: Of the interval.
    """
    place = pd.Index(lists.index).get_indexer(pd.Index(category_id))
    before, now = (np.bincount(place[side], minlength=len(lists)) for side in (~is_now, is_now))
    groups_before, groups_now = (lists[f"groups_{side}"].to_numpy(np.int64) for side in ("before", "now"))
    on_one_side = (groups_before == 0) | (groups_now == 0)
    p = holm(np.where(on_one_side, _p_of_lists(groups_before, groups_now), p_of_shares(before, now)))
    alarm = (p < LEVEL) & (on_one_side | is_large(before, now))
    change = np.where(groups_before == 0, "new", np.where(groups_now == 0, "vanished", "common"))
    rows = zip(lists.itertuples(), change, _share_figures(before), _share_figures(now), p, alarm, strict=True)
    classes = [
        ClassChange(
            category_id=int(row.Index), name=str(row.name), change=str(changed), before=first, now=second,
            num_products_before=int(row.products_before), num_products_now=int(row.products_now),
            p=float(f"{chance:.4g}"), alarm=bool(is_alarm),
        )
        for row, changed, first, second, chance, is_alarm in rows
    ]  # fmt: skip
    classes.sort(key=lambda one: (one["p"], one["category_id"]))
    return ClassDrift(classes, _total_variation(before, now, seed))
