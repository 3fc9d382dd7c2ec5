"""Which epoch of a training became the model, in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class KeptEpoch(NamedTuple):
    """What is said of the epoch whose weights were kept.

    Attributes:
        which: The epoch, as a relative clause.
        bias: What that does to the validation figures.
    """

    which: str
    bias: str


_CHOSEN = "The epoch that did best on it was kept, so expect it a little too high."
_WORDS = {
    "loss": KeptEpoch("which has the lowest validation loss", _CHOSEN),
    "smoothed_loss": KeptEpoch("at which the mean validation loss of three epochs is lowest", _CHOSEN),
    "accuracy": KeptEpoch("at which the mean validation accuracy of three epochs is highest", _CHOSEN),
    "last": KeptEpoch("the last one, as its preset wants", "The last epoch was kept, so it did not choose one."),
}


def kept_epoch(metrics: Mapping[str, Any]) -> KeptEpoch:
    """Return what is said of the model's epoch.

    Args:
        metrics: What metrics.json holds.
    """
    training = metrics["lineage"]["config"]["training"]
    if metrics["model"].get("stopped") and training.get("chosen_epoch") == "last":
        return KeptEpoch("the last one before it was stopped", _WORDS["last"].bias)
    return _WORDS[training.get("chosen_epoch", "loss")]  # written nowhere at its default


def is_last_chosen(metrics: Mapping[str, Any]) -> bool:
    """Tell whether the last epoch is kept whatever validation says, so that its being the best one means nothing."""
    return bool(metrics["lineage"]["config"]["training"].get("chosen_epoch") == "last")
