"""Knobs that do nothing beside others: who sets one expects otherwise."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from cdiscount_tasks.settings.search import Choice, SearchConfig, space_of

if TYPE_CHECKING:
    from cdiscount_tasks.settings.training import TrainingConfig

_NEEDS_WEIGHTS = ("mirrored_features", "fine_tune_learning_rate", "fine_tune_share", "fine_tune_lowest_rate")
_NEEDS_TUNING = ("fine_tune_learning_rate", "fine_tune_share", "fine_tune_lowest_rate")

OFF: dict[str, tuple[str | float, ...]] = {
    "augmentation": ("shifts",), "mixing": ("none",), "smaller_first": (0,), "average_weights": (0,),
    "chosen_epoch": ("auto", "loss"),
}  # fmt: skip
"""Values of knobs that ask for nothing: who sets a knob back to one expects no effect."""


def idle_knobs(config: "TrainingConfig") -> Iterator[tuple[str, str]]:
    """Yield each knob that does nothing, whatever it is set to, with the reason and what to set instead."""
    epochs = config.fine_tune_epochs if config.weights == "imagenet" else config.epochs
    is_frozen = config.weights == "imagenet" and config.fine_tune_epochs == 0
    for knobs, is_idle, way_out in (
        (
            _NEEDS_WEIGHTS,
            config.weights != "imagenet",
            "without pretrained weights it does nothing; set weights: imagenet",
        ),
        (_NEEDS_TUNING, config.fine_tune_epochs == 0, "without tuning it does nothing; set fine_tune_epochs"),
        (("crop_area",), config.augmentation != "crops", "without crops it does nothing; set augmentation: crops"),
        (("mixing_share",), config.mixing == "none", "nothing is mixed; set mixing: mixup or cutmix"),
        (
            ("augmentation", "mixing", "smaller_first"),
            is_frozen,
            "a frozen network does not see changed pictures; set fine_tune_epochs",
        ),
        (
            ("average_weights", "chosen_epoch"),
            is_frozen,
            "of a classifying layer on a frozen network the epoch with the lowest loss is kept; set fine_tune_epochs",
        ),
        (
            ("early_stopping_patience",),
            config.epoch_chosen_by == "last" and config.weights != "imagenet",
            "the last epoch is kept, so that none is left out; set chosen_epoch: loss",
        ),
        (
            ("smaller_first",),
            0 < config.smaller_first * epochs < 1,
            f"of {epochs} epochs it is not one; set a larger share",
        ),
        (("dropout",), config.network == "plain_cnn", "plain_cnn has no dropout; take another network"),
        (("dropout",), config.weights == "champion", "the champion's own stays; set weights: none or imagenet"),
    ):
        if is_idle:
            yield from ((knob, way_out) for knob in knobs)


def check_searched(preset: "TrainingConfig", search: SearchConfig) -> None:
    """Refuse a searched knob that would do nothing in any of the trials.

    Raises:
        ValueError: With the knob, and what to set instead.
    """
    space = space_of(search, type(preset))
    ends = {name: one.values if isinstance(one, Choice) else (one.high,) for name, one in space.items()}
    tried = [preset.model_copy(update=dict(zip(ends, values, strict=True))) for values in product(*ends.values())]
    idle = set.intersection(*({knob for knob, _ in idle_knobs(one)} for one in tried)) & space.keys()
    for knob, way_out in idle_knobs(tried[0]):
        if knob in idle:
            raise ValueError(f"search.knobs.{knob} is searched, but {way_out}, or take it out of the search")
