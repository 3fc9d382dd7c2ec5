"""What a report says of the model's training with other seeds, in words."""

from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.pages.parts.words import percent, points

FILTERS = ("cut_short", "ended", "how_far", "place_of_model", "rate_knob", "what_differs")
"""The functions that templates call by name."""

_STATES = {"complete": "by itself", "stopped": "by hand", "diverged": "diverged"}


_ALIKE_AND_CHANCE = {
    "none": ("", "all weights to begin with"),
    "imagenet": (", the same pretrained weights", "the first weights of the classifying layer alone"),
    "champion": (", the champion's weights to begin with", ""),
}
"""By `weights`: what more is the same under every seed, and which weights are not."""


def _deviation(spread: Mapping[str, Any]) -> str:
    return f"{100 * spread['deviation']:.1f} points"


def _cut_after(metrics: Mapping[str, Any]) -> int | None:
    """Return the epoch after which the model was stopped by hand, and with it every other seed; None: it was not."""
    stopped = metrics["model"].get("stopped")
    return stopped["after_epoch"] if stopped else None


def cut_short(metrics: Mapping[str, Any]) -> str:
    """Say that all were cut where the model was stopped by hand; empty: it was not.

    Args:
        metrics: What metrics.json holds.
    """
    cut_after = _cut_after(metrics)
    if cut_after is None:
        return ""
    planned = metrics["model"]["stopped"]["of"]
    return (
        f"The model's training was stopped by hand after epoch {cut_after} of {planned}, and every other seed was cut "
        "there too: the figures are about trainings that are no longer, and whole ones may differ by more or by less."
    )


def ended(one: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Say how a training ended.

    Args:
        one: Its row of `other_seeds.seeds`.
        metrics: What metrics.json holds.
    """
    cut_after = _cut_after(metrics)
    if cut_after is None or one["state"] != "complete":
        return _STATES[one["state"]]
    if one["is_model"]:
        return _STATES["stopped"]
    return "cut where the model was stopped" if one["num_epochs"] >= cut_after else _STATES["complete"]


def what_differs(metrics: Mapping[str, Any]) -> str:
    """Say in half a sentence what trainings with other seeds have in common, and in what they differ.

    Args:
        metrics: What metrics.json holds.
    """
    training = metrics["lineage"]["config"]["training"]
    alike, other_weights = _ALIKE_AND_CHANCE[training["weights"]]
    is_frozen = training["weights"] == "imagenet" and not training["fine_tune_epochs"]
    augmentation = "" if is_frozen else "augmentation"  # a frozen network sees pictures as they are
    dropout = "" if training["network"] == "plain_cnn" else "dropout"
    *others, last = filter(None, [other_weights, "order", augmentation, dropout])
    chance = " and ".join(filter(None, [", ".join(others), last]))
    return f"the same pictures, labels and knobs{alike}; other chance in {chance}"


def rate_knob(metrics: Mapping[str, Any]) -> str:
    """Return the name of the knob to lower where trainings diverge: in a transfer that is tuned, the tuning's rate.

    Args:
        metrics: What metrics.json holds.
    """
    training = metrics["lineage"]["config"]["training"]
    is_tuned = training["weights"] == "imagenet" and training["fine_tune_epochs"]
    return "fine_tune_learning_rate" if is_tuned else "learning_rate"


def how_far(metrics: Mapping[str, Any]) -> str:
    """Say in half a sentence how far another seed moves the accuracy.

    Args:
        metrics: What metrics.json holds.
    """
    found = metrics.get("other_seeds")
    if found is None:
        return "how far another seed moves the accuracy is not measured"
    if found["product"] is None:
        return "no other seed was trained to its end, so how far another one moves the accuracy is not known"
    spread, num_seeds = found["product"], 1 + found["num_complete"]
    ends = f"{percent(spread['lowest'])} to {percent(spread['highest'])}"
    cut_after = _cut_after(metrics)
    cut = "" if cut_after is None else f"; none trained beyond epoch {cut_after}, where the model was stopped by hand"
    return f"over {num_seeds} seeds the accuracy had a standard deviation of {_deviation(spread)} ({ends}){cut}"


def place_of_model(spread: Mapping[str, Any], num_complete: int) -> str:
    """Say how the model's own accuracy lies among those of the seeds.

    Args:
        spread: As `measure_spread` returns it.
        num_complete: How many other seeds there are.
    """
    same, higher, num_seeds = spread["num_equal"], spread["num_higher"], 1 + num_complete
    if same == num_complete:
        return "the same as with every other seed"
    beside = f", which {same} other{' has' if same == 1 else 's have'} too" if same else ""
    if higher == 0:
        place = "the highest"
    elif higher + same == num_complete:
        place = "the lowest"
    else:
        place = f"number {higher + 1} from the top"
    off = points({"value": spread["model"] - spread["mean"]["value"], "low": None, "high": None})
    return f"{place} of {num_seeds}{beside}: {off} against the mean"
