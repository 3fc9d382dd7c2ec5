"""What a search has found: the best of its trials, what that figure owes to chance, and which knobs mattered."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import stats

from cdiscount_tasks.learning.measuring.best_of_many import most_flattered, most_flattered_of_paired
from cdiscount_tasks.learning.measuring.intervals import Figure, share_figure
from cdiscount_tasks.learning.measuring.paired import paired_difference

_NUM_ORDERS = 2_000
_FEWEST_TO_TELL = 5


class Tried(NamedTuple):
    """A trial that was trained to its end.

    Attributes:
        number: Of all trials, from 1.
        loss: Of its kept epoch, over products of validation.
        right: bool, [num_products]: which products of validation it judged right.
    """

    number: int
    loss: float
    right: npt.NDArray[np.bool_]


class Effect(TypedDict):
    """How a knob went with the accuracy of trials.

    Attributes:
        knob: Its name.
        share: Of the spread of the trials' ranks, in [0, 1], what the knob's ranks (of words: the words) explain alone.
        direction: Of numbers, the rank correlation with accuracy, in [-1, 1]; None of words.
        by_chance: How often the same accuracies in another order would be explained as well; 1: always.
    """

    knob: str
    share: float
    direction: float | None
    by_chance: float


def _by_words(words: npt.NDArray[Any], ranks: npt.NDArray[np.float64]) -> float:
    """Return the share of the variance of ranks that lies between the words."""
    total = float(((ranks - ranks.mean()) ** 2).sum())
    between = sum(
        (words == word).sum() * (ranks[words == word].mean() - ranks.mean()) ** 2 for word in np.unique(words)
    )
    return float(between / total) if total else 0.0


def _effect(knob: str, values: Sequence[Any], ranks: npt.NDArray[np.float64]) -> Effect:
    is_number = not any(isinstance(value, str | bool) for value in values)
    if is_number:
        own = stats.rankdata(values)
        centred = (own - own.mean()) / (np.linalg.norm(own - own.mean()) or 1.0)

        def explained(order: npt.NDArray[np.float64]) -> float:
            return float((centred @ order) ** 2) / (float(((order - order.mean()) ** 2).sum()) or 1.0)
    else:
        words = np.array([str(value) for value in values])

        def explained(order: npt.NDArray[np.float64]) -> float:
            return _by_words(words, order)

    found, random = explained(ranks), np.random.default_rng(0)
    as_well = sum(explained(random.permutation(ranks)) >= found - 1e-9 for _ in range(_NUM_ORDERS))
    direction = float(np.sign(centred @ ranks) * found**0.5) if is_number else None
    return Effect(
        knob=knob,
        share=round(found, 4),
        direction=None if direction is None else round(direction, 4),
        by_chance=round((1 + as_well) / (1 + _NUM_ORDERS), 4),
    )


def knob_effects(knobs: Sequence[Mapping[str, Any]], accuracies: Sequence[float]) -> list[Effect]:
    """Return what each knob had to do with accuracy over the trials, the one first that explains most.

    Empty of fewer than five trials, which tell nothing. Knobs are looked at one by one: what two do together is not
    seen.

    Args:
        knobs: Of each trial.
        accuracies: Of each; of a trial that was cut short, the highest until then.
    """
    if len(knobs) < _FEWEST_TO_TELL:
        return []
    ranks = stats.rankdata(accuracies)
    effects = [_effect(name, [one[name] for one in knobs], ranks) for name in knobs[0]]
    return sorted(effects, key=lambda effect: (-effect["share"], effect["knob"]))


class Found(TypedDict):
    """The best trial, and what it is worth.

    Attributes:
        best: Its number, from 1.
        accuracy: Its own, over products of validation, with the interval over groups.
        flattered: By how much the best of as many equally good trials looks better than it is; None: there is but one.
        counted_by: How that was counted: `paired`, from differences between trials on the same products; `interval`,
            from the accuracy's own interval where no two trials differ or but one was trained to its end.
        expected: The accuracy less that.
        num_draws: Of how many trials it is the best.
        gain: By how much it is better than the preset's own knobs on the same products, with the interval over groups;
            None: these were not trained to their end.
    """

    best: int
    accuracy: Figure
    flattered: float
    counted_by: str
    expected: float
    num_draws: int
    gain: Figure | None


def best_of(tried: Sequence[Tried]) -> Tried:
    """Return the trial with the most right products; of several the one with the lowest loss, then the first."""
    return min(tried, key=lambda one: (-int(one.right.sum()), one.loss, one.number))


def judge_search(tried: Sequence[Tried], group_id: npt.NDArray[np.int64], num_draws: int) -> Found:
    """Say which trial is the best, and what is expected of it on other products.

    Were all trials equally good, the best of them would look better than it is by the expected maximum of as many
    draws of chance. What chance does is read from the differences between the best trial and each other one on the same
    products, resampled by groups: what all have in common, hard products above all, chooses none.

    Args:
        tried: Those that were trained to their end, at least one.
        group_id: int64, [num_products].
        num_draws: All trials that could have become the best, also those that were cut short.
    """
    best = best_of(tried)
    accuracy = share_figure(best.right, group_id)
    differences = [paired_difference(best.right, one.right, group_id) for one in tried if one is not best]
    ends = [(one["low"], one["high"]) for one in differences if one["low"] is not None and one["high"] is not None]
    own = [(accuracy["low"], accuracy["high"])] * num_draws
    counted_by = "paired" if ends else "interval"
    flattered = most_flattered_of_paired(num_draws, ends) if ends else most_flattered(own)  # type: ignore[arg-type]
    value = float(accuracy["value"] or 0.0)
    first = next((one for one in tried if one.number == 1), None)
    return Found(
        best=best.number,
        accuracy=accuracy,
        flattered=round(flattered, 6),
        counted_by=counted_by,
        expected=round(max(value - flattered, 0.0), 6),
        num_draws=num_draws,
        gain=None if first is None else paired_difference(best.right, first.right, group_id),
    )
