"""Random choices of categories by how hard they are, with the samples marked by letters."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from cdiscount_tasks.pages.parts.figures import FIRST, INK, SECOND, STYLE, Curve, inline, label_in_percent
from cdiscount_tasks.pages.parts.words import percent

_SPREAD = 0.13
_ROWS = ("alike", "unlike")
_LABELS = {"alike": "of one level-2 name", "unlike": "of different level-1 names"}


def letter(place: int) -> str:
    """Return what a sample is called in the figure: A, B, ..."""
    return chr(ord("A") + place % 26)


def _heights(values: Sequence[float]) -> np.ndarray:
    """Move dots apart that would hide others, by their rank: the same figure each time."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray((ranks % 5 - 2) * _SPREAD / 2)


def _in_words(choices: Mapping[str, Any], names: Sequence[str]) -> str:
    parts = []
    for kind in ("alike", "unlike"):
        values = [one["accuracy"]["value"] for one in choices[kind]]
        if values:
            half = f"half of them below {percent(float(np.median(values)))}"
            parts.append(
                f"{len(values)} draws {_LABELS[kind]}: {percent(min(values))} to {percent(max(values))}, {half}"
            )
    parts += [
        f"sample {letter(place)} at {percent(choices['samples'][name]['accuracy']['value'])}"
        for place, name in enumerate(names)
        if name in choices["samples"]
    ]
    return "; ".join(parts)


def draw_random_choices(choices: Mapping[str, Any], names: Sequence[str]) -> Curve:
    """Draw the accuracies of all draws, a row a kind, and the samples in the last row.

    Args:
        choices: random_choices.json.
        names: Of the samples, in the order of their letters.
    """
    title = "Random categories by how hard they are"
    alt = f"{title}: {_in_words(choices, names)}."
    with mpl.rc_context(STYLE):
        rows = [kind for kind in _ROWS if choices[kind]]
        figure = Figure(figsize=(9.2, 1.5 + 0.6 * len(rows)), layout="constrained")
        axes = figure.subplots()
        height_of = {kind: float(len(rows) - place) for place, kind in enumerate(rows)}
        for kind, (colour, marker) in {"alike": (SECOND, "s"), "unlike": (FIRST, "o")}.items():
            values = [one["accuracy"]["value"] for one in choices[kind]]
            if values:
                height = height_of[kind]
                axes.plot(values, height + _heights(values), marker, color=colour, ms=6, alpha=0.75)
                axes.plot([np.mean(values)] * 2, [height - 0.3, height + 0.3], color=INK, linewidth=2)
        for place, name in enumerate(names):
            if name in choices["samples"]:
                value = choices["samples"][name]["accuracy"]["value"]
                axes.axvline(value, color=INK, linewidth=1, linestyle=":", zorder=0)
                axes.plot([value], [0], "D", color=INK, ms=8)
                axes.annotate(letter(place), (value, 0), (7, 6), textcoords="offset points", fontsize=12)
        axes.set_yticks([*height_of.values(), 0], [*(_LABELS[kind] for kind in rows), "the samples"])
        axes.set_ylim(-0.5, len(rows) + 0.5)
        label_in_percent(axes.xaxis)
        axes.set_xlabel("accuracy, each group counted once")
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        return Curve(title, inline(figure, "random_choices", alt), alt)
