"""Has the catalogue changed since the champion learnt? Arrays in, figures and plain sentences out.

All tests are over independent groups: of each group of products that share pictures, over both sides together, one
product speaks, drawn at random, for the side that it is on. So copies cannot cry wolf, and a group that has products
on both sides is counted once. Whether new products come by whole groups or one by one as copies of old ones: where
nothing has changed, the side says nothing about the product that speaks, and that is what the tests need (measured by
`python -m benchmarks.belief.drift`, docs/measurements.md).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from cdiscount_tasks.learning.features.domain_classifier import ToldApart, most_telling, tell_apart
from cdiscount_tasks.learning.measuring.answer_drift import AnswerDrift, tell_answers
from cdiscount_tasks.learning.measuring.class_drift import (
    LEAST_VARIATION,
    Bools,
    ClassChange,
    ClassDrift,
    Ints,
    compare_classes,
    holm,
)
from cdiscount_tasks.learning.measuring.drift_sentences import Renamed, tell_alarms
from cdiscount_tasks.learning.measuring.intervals import Figure, known_exactly
from cdiscount_tasks.learning.measuring.shares import Floats
from cdiscount_tasks.learning.pictures.properties import PROPERTIES

VERSION = 2
"""Raise it whenever the same arrays give other figures."""

PROPERTIES_COMPARED = (*PROPERTIES, "images_per_product")

PROPERTY_LEVEL = 0.01
"""Of the Kolmogorov-Smirnov tests over all properties, by Holm."""

LEAST_D = 0.1
"""A property is an alarm where, besides, the two distributions are so far apart somewhere."""

MOST_GROUPS = 2_000
"""Of either side whose pictures are looked at: as many again would halve no interval that matters, and take longer."""

FEWEST_GROUPS = 20
"""Of either side, for the classifier."""

_RENAMED_SHARE = 0.5
_MOVED = ("from_id", "to_id", "num_products")
_DRAW, _LOOK = 0, 1


class Speakers(NamedTuple):
    """One product of each group, and one picture of it.

    Attributes:
        is_now: bool, [n], whether the product is new, or one that the champion learnt from.
        category_id: int64, [n].
        looked_at: int64, ascending, [m], of which of them the picture was looked at.
        properties: float64, [m, number of PROPERTIES_COMPARED].
        features: float32, [m, num_features], of the picture; None: both sides have no common kind.
    """

    is_now: Bools
    category_id: Ints
    looked_at: Ints
    properties: Floats
    features: npt.NDArray[np.float32] | None


class PropertyDrift(TypedDict):
    """One property of pictures on both sides.

    Attributes:
        name: One of PROPERTIES_COMPARED.
        before: `median` and `mean` of the pictures that the champion learnt from.
        now: The same of the new ones.
        d: The Kolmogorov-Smirnov distance, 0 to 1, with its sign: above 0 where the new pictures have more of it.
        p: By Holm over all properties.
        alarm: Whether p is below PROPERTY_LEVEL and the distance above LEAST_D.
    """

    name: str
    before: dict[str, float]
    now: dict[str, float]
    d: float
    p: float
    alarm: bool


class TellingApart(TypedDict):
    """How well a classifier tells new pictures from old ones; `reason` says why there is no figure."""

    auc: Figure
    alarm: bool
    reason: str | None


class Drift(TypedDict):
    """What drift.json holds.

    Attributes:
        reason: Why there is nothing to measure, as a sentence without its stop; None: it was measured.
        alarms: What has changed, a sentence each; empty: nothing that chance does not explain.
        counts: Products and groups, as the caller counted them.
        classes: Of all classes, the least probable change first.
        total_variation: Between the classes' shares.
        renamed: Classes whose products now have a different category id.
        properties: Of PROPERTIES_COMPARED, in this order; empty where a side has no picture.
        told_apart: The domain classifier.
        answers: The champion's; None: they were not compared.
    """

    reason: str | None
    alarms: list[str]
    counts: dict[str, int]
    classes: list[ClassChange]
    total_variation: Figure
    renamed: list[Renamed]
    properties: list[PropertyDrift]
    told_apart: TellingApart
    answers: AnswerDrift | None


def choose_speakers(group: npt.ArrayLike, seed: int) -> Ints:
    """Draw one row of each group: int64, [num_groups], ascending."""
    groups = np.asarray(group)
    order = np.random.default_rng([seed, _DRAW]).permutation(len(groups))
    return np.sort(order[np.unique(groups[order], return_index=True)[1]])


def choose_looked_at(is_now: Bools, seed: int) -> Ints:
    """Draw MOST_GROUPS of the speakers of each side, or all where there are fewer: int64, ascending."""
    random = np.random.default_rng([seed, _LOOK])
    sides = [np.flatnonzero(is_now == side) for side in (False, True)]
    return np.sort(np.concatenate([random.choice(one, min(len(one), MOST_GROUPS), replace=False) for one in sides]))


def _middle(values: Floats) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 6), "mean": round(float(values.mean()), 6)}


def compare_properties(properties: Floats, is_now: Bools) -> list[PropertyDrift]:
    """Test each property of pictures.

    Args:
        properties: float64, [m, number of PROPERTIES_COMPARED], one picture of each group.
        is_now: bool, [m].

    Returns:
        A row a property; none where a side has no picture.
    """
    if is_now.all() or not is_now.any():
        return []
    sides = [(column[~is_now], column[is_now]) for column in properties.T]
    tests: list[Any] = [stats.ks_2samp(*pair, method="asymp") for pair in sides]
    chances = holm([test.pvalue for test in tests])
    return [
        PropertyDrift(
            name=name, before=_middle(before), now=_middle(now), p=float(f"{p:.4g}"),
            d=round(float(test.statistic * test.statistic_sign), 6),
            alarm=bool(p < PROPERTY_LEVEL and test.statistic > LEAST_D),
        )
        for name, (before, now), test, p in zip(PROPERTIES_COMPARED, sides, tests, chances, strict=True)
    ]  # fmt: skip


def _tell_apart(speakers: Speakers, is_now: Bools, no_features: str, seed: int) -> tuple[TellingApart, Floats | None]:
    """Return how well pictures are told apart, and each picture's score."""
    reason: str | None = None
    if speakers.features is None:
        reason = no_features
    elif min(is_now.sum(), (~is_now).sum()) < FEWEST_GROUPS:
        reason = f"one side has fewer than {FEWEST_GROUPS} groups of products"
    if reason is not None or speakers.features is None:
        unknown = known_exactly(None, len(is_now), len(is_now))
        return TellingApart(auc=unknown, alarm=False, reason=reason), None
    found: ToldApart = tell_apart(speakers.features, is_now, seed)
    return TellingApart(auc=found.auc, alarm=found.is_alarm, reason=None), found.score


def find_renamed(moved: pd.DataFrame, lists: pd.DataFrame) -> list[Renamed]:
    """Return the vanished classes of which most products that are still there have the same other class now.

    Args:
        moved: Of the products that both labels have: from_id, to_id (category before and now), num_products.
        lists: As `compare_classes` takes it.
    """
    vanished = lists.index[lists["groups_now"] == 0]
    names = dict(zip(lists.index.tolist(), lists["name"].tolist(), strict=True))
    of_vanished = moved[moved["from_id"].isin(vanished)]
    all_of = of_vanished.groupby("from_id")["num_products"].sum().to_dict()
    most = of_vanished.sort_values(["num_products", "to_id"], ascending=[False, True]).drop_duplicates("from_id")
    rows = zip(*(most.sort_values("from_id")[name].tolist() for name in _MOVED), strict=True)
    return [
        Renamed(from_id=from_id, from_name=names[from_id], to_id=to_id, to_name=names[to_id], num_products=num)
        for from_id, to_id, num in rows
        if num >= _RENAMED_SHARE * all_of[from_id]
    ]


def _alarms(drift: Drift) -> list[str]:
    low = drift["total_variation"]["low"]
    varies = drift["total_variation"] if low is not None and low > LEAST_VARIATION else None
    auc = drift["told_apart"]["auc"] if drift["told_apart"]["alarm"] else None
    told = tell_alarms(drift["classes"], varies, drift["renamed"], drift["properties"], auc)
    return told + (tell_answers(drift["answers"]) if drift["answers"] else [])


def _show(looked_at: Ints, score: Floats, is_now: Bools) -> list[tuple[str, int, float]]:
    sides: Sequence[tuple[str, Ints]] = tuple(zip(("before", "now"), most_telling(score, is_now), strict=True))
    return [(side, int(looked_at[row]), round(float(score[row]), 4)) for side, rows in sides for row in rows]


def measure_drift(
    speakers: Speakers,
    lists: pd.DataFrame,
    moved: pd.DataFrame,
    counts: dict[str, int],
    *,
    answers: AnswerDrift | None = None,
    reason: str | None = None,
    no_features: str = "the two have no features of the same kind",
    seed: int = 0,
) -> tuple[Drift, list[tuple[str, int, float]]]:
    """Compare the new products with those that the champion learnt from.

    Args:
        speakers: One product a group.
        lists: As `compare_classes` takes it.
        moved: Of the products that both labels have: from_id, to_id (category before and now), num_products.
        counts: Products and groups, for the page.
        answers: What `compare_answers` found; None: they are not compared.
        reason: Why there is nothing to measure; new and vanished classes are listed all the same.
        no_features: Why there are no features.
        seed: Of the folds and the intervals.

    Returns:
        The figures; and the pictures that show the drift: side (`before` or `now`), place among the speakers, and the
        probability that it is a new one, the surest of each side first.
    """
    is_now = speakers.is_now[speakers.looked_at]
    classes: ClassDrift = compare_classes(speakers.category_id, speakers.is_now, lists, seed)
    properties = compare_properties(speakers.properties, is_now)
    told_apart, score = _tell_apart(speakers, is_now, reason or no_features, seed)
    drift = Drift(
        reason=reason, alarms=[], counts=counts, classes=classes.classes, renamed=find_renamed(moved, lists),
        total_variation=classes.total_variation, properties=properties, told_apart=told_apart, answers=answers,
    )  # fmt: skip
    shown = [] if score is None else _show(speakers.looked_at, score, is_now)
    return {**drift, "alarms": _alarms(drift)}, shown
