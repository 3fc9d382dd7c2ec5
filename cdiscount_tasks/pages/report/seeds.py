"""What a report says of the model's training with other seeds, in words."""

from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.pages.parts.words import percent, points

_STATES = {"complete": "trained to its end", "stopped": "stopped by hand", "diverged": "diverged"}


def _deviation(spread: Mapping[str, Any]) -> str:
    return f"{100 * spread['deviation']:.1f} points"


def ended(state: str) -> str:
    """Say how a training ended."""
    return _STATES[state]


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
    return f"over {num_seeds} seeds the accuracy had a standard deviation of {_deviation(spread)} ({ends})"


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
