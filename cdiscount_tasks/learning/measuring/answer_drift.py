"""Does the champion answer to new products as it did to those of before? Arrays in, figures and sentences out.

What a model answers tells of a change in the catalogue that matters to it, whatever the labels say (black-box shift
detection: Lipton, Wang and Smola 2018, arXiv 1802.03916; found best by Rabanser, Günnemann and Lipton 2019, "Failing
loudly", arXiv 1810.11953). Two things are compared: which class it answers, and how sure it is. Both sides are products
that it did not learn from, whose answers would be surer; one product speaks for each group.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import stats

from cdiscount_tasks.learning.measuring.class_drift import Bools, Ints, holm, is_large, p_of_shares
from cdiscount_tasks.learning.measuring.shares import Floats

LEVEL = 0.005
"""Of all tests here together, by Holm: classes and properties have 0.04 of the 0.05."""

LEAST_D = 0.1
"""The confidence is an alarm where, besides, the two distributions are so far apart somewhere."""

FEWEST_GROUPS = 20
"""Of either side."""

_MOST_NAMED = 3


class Answered(NamedTuple):
    """One answered product a group.

    Attributes:
        is_now: bool, [n], whether it is a new one, or of those that the champion was measured with.
        category_id: int64, [n], what the champion answered.
        probability: float64, [n], how probable it found its answer; as the network says it, since a temperature is
            chosen for each set of products.
    """

    is_now: Bools
    category_id: Ints
    probability: Floats


class AnswerChange(TypedDict):
    """How often a class is answered: groups of either side, and shares; p by Holm over all tests."""

    category_id: int
    name: str
    num_before: int
    num_now: int
    p: float
    alarm: bool


class AnswerDrift(TypedDict):
    """The champion's answers before and now; `reason` says why there is nothing to compare, without its stop.

    Attributes:
        num_groups: By side, `before` and `now`.
        classes: That were answered at all, the least probable change first.
        probability: `before` and `now` (median and mean), d (the Kolmogorov-Smirnov distance, above 0 where the
            champion is surer now), p and alarm; None: nothing was compared.
    """

    reason: str | None
    num_groups: dict[str, int]
    classes: list[AnswerChange]
    probability: dict[str, Any] | None


def _middle(values: npt.NDArray[Any]) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 6), "mean": round(float(values.mean()), 6)}


def compare_answers(answered: Answered, names: Mapping[int, str], reason: str | None = None) -> AnswerDrift:
    """Compare what the champion answers to new products with what it answered before.

    Args:
        answered: One product a group.
        names: Of the classes, by category_id.
        reason: Why there is nothing to compare, as a sentence without its stop.
    """
    is_now = answered.is_now
    sides = {"before": int((~is_now).sum()), "now": int(is_now.sum())}
    if reason is None and min(sides.values()) < FEWEST_GROUPS:
        reason = f"one side has fewer than {FEWEST_GROUPS} groups of products that the champion did not learn from"
    if reason is not None:
        return AnswerDrift(reason=reason, num_groups=sides, classes=[], probability=None)
    ids, place = np.unique(answered.category_id, return_inverse=True)
    before, now = (np.bincount(place[side], minlength=len(ids)) for side in (~is_now, is_now))
    known = [answered.probability[side] for side in (~is_now, is_now)]
    test: Any = stats.ks_2samp(*known, method="asymp")
    *p, p_sure = holm([*p_of_shares(before, now), test.pvalue])
    alarms = (np.array(p) < LEVEL) & is_large(before, now)
    classes = [
        AnswerChange(
            category_id=int(one), name=names.get(int(one), str(one)), num_before=int(first), num_now=int(second),
            p=float(f"{chance:.4g}"), alarm=bool(alarm),
        )
        for one, first, second, chance, alarm in zip(ids, before, now, p, alarms, strict=True)
    ]  # fmt: skip
    classes.sort(key=lambda one: (one["p"], one["category_id"]))
    probability = {
        "before": _middle(known[0]), "now": _middle(known[1]), "p": float(f"{p_sure:.4g}"),
        "d": round(float(test.statistic * test.statistic_sign), 6),
        "alarm": bool(p_sure < LEVEL and test.statistic > LEAST_D),
    }  # fmt: skip
    return AnswerDrift(reason=None, num_groups=sides, classes=classes, probability=probability)


def _tell_sure(probability: Mapping[str, Any]) -> str:
    means = [probability[side]["mean"] for side in ("before", "now")]
    before, now = (f"{100 * mean:.0f} %" for mean in means)
    if before == now:
        return "How sure the champion is of its answers to new products varies differently from before, about one mean."
    said = "surer" if means[1] > means[0] else "less sure"
    return f"The champion is {said} of its answers to new products: mean probability {before} -> {now}."


def _tell_classes(classes: Sequence[AnswerChange], num_groups: Mapping[str, int]) -> str:
    named = [
        f"{one['name']} {100 * one['num_before'] / num_groups['before']:.1f} % -> "
        f"{100 * one['num_now'] / num_groups['now']:.1f} %"
        for one in classes[:_MOST_NAMED]
    ]
    more = f"; and {len(classes) - _MOST_NAMED} more" if len(classes) > _MOST_NAMED else ""
    return f"The champion answers other classes to new products than before: {'; '.join(named)}{more}."


def tell_answers(drift: AnswerDrift) -> list[str]:
    """Return a sentence for each thing that has changed about the champion's answers."""
    changed = [one for one in drift["classes"] if one["alarm"]]
    told = [_tell_classes(changed, drift["num_groups"])] if changed else []
    probability = drift["probability"]
    return [*told, _tell_sure(probability)] if probability and probability["alarm"] else told
