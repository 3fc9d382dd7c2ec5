"""Which epoch of a training became the model, in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cdiscount_tasks.vocabulary import FINE_TUNE, HEAD


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
    "last": KeptEpoch("the last one, as its knobs ask", "The last epoch was kept, so it did not choose one."),
}
_BEFORE_TUNING = KeptEpoch(
    "the best one of the classifying layer: tuning did worse on validation and was thrown away", _CHOSEN
)


def kept_epoch(metrics: Mapping[str, Any], phases: Sequence[str]) -> KeptEpoch:
    """Return what is said of the model's epoch.

    Args:
        metrics: What metrics.json holds.
        phases: Of each epoch, what learnt in it, as history.parquet has it.
    """
    chosen_by = _chosen_by(metrics)
    number = metrics["model"]["best_epoch"]
    if number is not None and number <= len(phases) and phases[number - 1] == HEAD:
        return _BEFORE_TUNING if FINE_TUNE in phases else _WORDS["loss"]  # a head is always chosen by its loss
    if chosen_by != "last":
        return _WORDS[chosen_by]
    which, bias = _WORDS["last"]
    if metrics["model"].get("stopped"):
        which = "the last one before it was stopped"
    if HEAD in phases:
        bias = "It was only asked whether tuning did any harm, and chose no epoch."
    return KeptEpoch(which, bias)


def _chosen_by(metrics: Mapping[str, Any]) -> str:
    training = metrics["lineage"]["config"]["training"]
    if training.get("weights") == "imagenet" and not training.get("fine_tune_epochs"):
        return "loss"  # a classifying layer on a frozen network, whatever is asked for
    chosen_by = str(training.get("chosen_epoch", "loss"))
    return "last" if chosen_by == "auto" else chosen_by  # auto is written where a network is tuned, and only there


def is_last_chosen(metrics: Mapping[str, Any]) -> bool:
    """Tell whether the last epoch is kept whatever validation says, so that its being the best one means nothing."""
    return _chosen_by(metrics) == "last"
