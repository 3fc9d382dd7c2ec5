"""The section of a report that shows a search for knobs: its trials, what mattered, and what the best is worth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from cdiscount_tasks.pages.parts.templating import render_page

MOST_TRIALS = 50
"""In the table: the best ones."""

RARE = 0.05
"""Chance alone would explain as much less often than this: the knob is said to have mattered."""

_STATES = {"complete": "trained to its end", "pruned": "cut short", "diverged": "diverged"}


class ShownTrial(NamedTuple):
    """A row of the table.

    Attributes:
        number: From 1.
        values: Of the knobs, in the order of their columns.
        state: How it ended, in words.
        row: As in trials.parquet.
        is_best: Whether the model is trained with it.
    """

    number: int
    values: list[str]
    state: str
    row: Mapping[str, Any]
    is_best: bool


def knob_value(value: Any) -> str:
    """Return a knob's value as a person writes it; numbers with four digits, which is more than a search can tell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _order(row: Mapping[str, Any], best: int) -> tuple[bool, bool, float, int]:
    accuracy = row["accuracy"] if row["accuracy"] is not None else -1.0
    return row["number"] != best, row["state"] != "complete", -accuracy, row["number"]


def render_search_section(facts: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> Markup:
    """Make the section.

    Args:
        facts: search.json.
        trials: The rows of trials.parquet, `knobs` by name.
    """
    knobs = list(facts["chosen"])
    rows = sorted(trials, key=lambda row: _order(row, facts["best"]))
    shown = [
        ShownTrial(
            row["number"],
            [knob_value(row["knobs"][knob]) for knob in knobs],
            _STATES[row["state"]],
            row,
            row["number"] == facts["best"],
        )
        for row in rows[:MOST_TRIALS]
    ]
    states = [row["state"] for row in trials]
    page = render_page(
        "report/search.html",
        facts=facts,
        knobs=knobs,
        chosen=[(knob, knob_value(facts["chosen"][knob])) for knob in knobs],
        trials=shown,
        num_trials=len(trials),
        num_pruned=states.count("pruned"),
        num_diverged=states.count("diverged"),
        seconds=sum(row["seconds"] for row in trials),
        rare=RARE,
    )
    return Markup(page)
