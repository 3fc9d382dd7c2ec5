"""Figures as inline SVG that takes its colours and its font from the page, and the heat of a matrix's cells."""

import html
import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from cdiscount_tasks.pages.parts.outside_text import plain
from cdiscount_tasks.pages.parts.words import count, percent

# Stand-ins that the drawing uses and the page replaces: the same figure then serves light, dark and print.
_COLOURS = {
    "#010203": "var(--figure-ink)",
    "#010204": "var(--figure-line)",
    "#010205": "var(--figure-first)",
    "#010206": "var(--figure-second)",
}
INK, LINE, FIRST, SECOND = _COLOURS
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cdiscount",
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "text.color": INK,
    "text.parse_math": False,
    "lines.linewidth": 2,
}


class Curve(NamedTuple):
    """One figure of the learning curves."""

    title: str
    svg: str
    alt: str


def inline(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as SVG to stand in HTML: no prolog, ids that no other figure has, the page's colours and font."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    # A style inside would hold for the whole page; page.css says the same for figures alone.
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    for stand_in, colour in _COLOURS.items():
        svg = svg.replace(stand_in, colour)
    label = html.escape(plain(alt))
    return re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        lambda found: f'<svg {found[1]} role="img" aria-label="{label}">',
        svg,
        count=1,
    )


def label_in_percent(axis: Any) -> None:
    """Label the ticks of an axis that shows shares."""
    axis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _mark_events(axes: Any, history: pd.DataFrame) -> None:
    """Mark where the network itself began to be tuned, and the epochs that were continued after an interruption."""
    if "phase" in history:
        begins = history.loc[history["phase"] != history["phase"].shift(), "epoch"].iloc[1:]
        for epoch in begins:
            axes.axvline(epoch - 0.5, color=INK, linewidth=1, linestyle="--", label="tuning begins")
    if "num_resumes" in history:
        resumed = history.loc[history["num_resumes"] > 0, "epoch"]
        if len(resumed):
            low, high = axes.get_ylim()
            axes.plot(resumed, [low] * len(resumed), "^", color=INK, ms=5, label="resumed", clip_on=False)
            axes.set_ylim(low, high)


def _curve(
    history: pd.DataFrame, name: str, title: str, columns: Sequence[str], best_epoch: int | None, wording: str
) -> Curve:
    epochs = history["epoch"].to_numpy()
    labels = ("train", "validation") if len(columns) > 1 else ("",)
    last = [float(history[column].iloc[-1]) for column in columns]
    said = [percent(value) if name == "accuracy" else f"{value:.3g}" for value in last]
    ends = ", ".join(f"{label} {value}".strip() for label, value in zip(labels, said, strict=True))
    alt = f"{title} over {count(len(epochs), 'epoch')}, at the end: {ends}."
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.subplots()
        styles = ((FIRST, "-", "o"), (SECOND, "--", "s"))
        for column, label, (colour, line, marker) in zip(columns, labels, styles, strict=False):
            axes.plot(epochs, history[column], line, color=colour, label=label, marker=marker, markevery=[-1], ms=5)
        if best_epoch is not None and best_epoch in epochs:
            axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=":", label="weights kept")
        _mark_events(axes, history)
        axes.set_xlabel("epoch")
        axes.set_ylabel(wording)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
        axes.margins(x=0.04)
        if len(epochs) == 1:
            axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4))
        if name == "accuracy":
            label_in_percent(axes.yaxis)
        if labels[0]:
            axes.legend(frameon=False, handlelength=2.4, fontsize=10)
        return Curve(title, inline(figure, name, alt), alt)


def learning_curves(history: pd.DataFrame, best_epoch: int | None) -> list[Curve]:
    """Draw loss, accuracy and learning rate by epoch.

    Args:
        history: The model's history.parquet.
        best_epoch: The epoch whose weights were kept; None: not marked.
    """
    if history.empty:
        return []
    return [
        _curve(history, "loss", "Loss", ["train_loss", "validation_loss"], best_epoch, "loss"),
        _curve(history, "accuracy", "Accuracy", ["train_accuracy", "validation_accuracy"], best_epoch, "accuracy"),
        _curve(history, "rate", "Learning rate", ["learning_rate"], best_epoch, "learning rate"),
    ]


def bars(name: str, title: str, labels: Sequence[str], values: Sequence[int], wording: str) -> Curve:
    """Draw counts as bars, each with its number above it.

    Args:
        name: Distinguishes the figure's ids on the page.
        title: What is counted.
        labels: One below each bar.
        values: Counts.
        wording: Of the horizontal axis.
    """
    said = ", ".join(f"{label}: {value:,}" for label, value in zip(labels, values, strict=True))
    alt = f"{title}: {said}."
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.subplots()
        drawn = axes.bar(range(len(values)), values, color=FIRST, width=0.7)
        axes.bar_label(drawn, [f"{value:,}" for value in values], padding=2, fontsize=9)
        axes.set_xticks(range(len(values)), labels)
        axes.set_xlabel(wording)
        axes.yaxis.set_visible(False)
        axes.grid(visible=False)
        axes.margins(y=0.12)
        return Curve(title, inline(figure, name, alt), alt)


def histogram(name: str, title: str, counts: Sequence[int], bin_width: int, wording: str) -> Curve:
    """Draw a histogram whose bins start at 0; the last bin is open.

    Args:
        name: Distinguishes the figure's ids on the page.
        title: What is counted.
        counts: Of each bin.
        bin_width: In the unit of the horizontal axis.
        wording: Of the horizontal axis.
    """
    peak = int(np.argmax(counts)) if len(counts) else 0
    alt = f"{title}: {sum(counts):,} in {len(counts)} bins, most of them near {peak * bin_width:,}."
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.subplots()
        axes.stairs(counts, np.arange(len(counts) + 1) * bin_width, fill=True, color=FIRST)
        first = next((place for place, count in enumerate(counts) if count), 0)
        axes.set_xlim(max(0, first - 1) * bin_width, max(len(counts), 1) * bin_width)
        axes.set_xlabel(wording)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        return Curve(title, inline(figure, name, alt), alt)


def rank_sizes(name: str, title: str, sizes: Sequence[tuple[str, Sequence[int]]], wording: str) -> Curve:
    """Draw sizes against their rank on two logarithmic axes; of many ranks only some are drawn.

    Args:
        name: Distinguishes the figure's ids on the page.
        title: What is counted.
        sizes: A line's label and its sizes, the largest first.
        wording: Of the vertical axis.
    """
    ends = ", ".join(f"{label}: {len(line):,} from {line[0]:,} to {line[-1]:,}" for label, line in sizes if line)
    alt = f"{title}. {ends}."
    styles = ((FIRST, "-", "o"), (SECOND, "--", "s"), (INK, ":", "^"))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.2), layout="constrained")
        axes = figure.subplots()
        for (label, line), (colour, style, marker) in zip(sizes, styles, strict=False):
            if line:
                ranks = np.unique(np.geomspace(1, len(line), 80).round().astype(int))
                drawn = np.asarray(line)[ranks - 1]
                axes.plot(ranks, drawn, style, color=colour, label=label, marker=marker, markevery=[0, -1], ms=5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
        axes.set_xlabel("rank, the largest first")
        axes.set_ylabel(wording)
        if axes.lines:
            axes.legend(frameon=False, handlelength=2.4, fontsize=10)
        return Curve(title, inline(figure, name, alt), alt)


class Cell(NamedTuple):
    """A cell of the confusion matrix: how many, which share of its row, and the colours that say so."""

    n: int
    share: float
    background: str
    ink: str

    @property
    def in_percent(self) -> str:
        """Return the share in whole per cent; empty where that is 0."""
        said = round(100 * self.share)
        return str(said) if said else ""


def heat(matrix: Sequence[Sequence[int]]) -> list[list[Cell]]:
    """Colour a confusion matrix by the share of each row, in cividis, with an ink that can be read on it.

    Args:
        matrix: Counts, a row per true class.
    """
    counts: npt.NDArray[np.int64] = np.asarray(matrix, np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    colours = mpl.colormaps["cividis"](shares)[..., :3]
    # Relative luminance after WCAG 2.2; above 0.18 black has the higher contrast (at least 4.6), below it white.
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return [
        [
            Cell(int(n), float(share), mpl.colors.to_hex(colour), "#000" if light > 0.18 else "#fff")
            for n, share, colour, light in zip(*row, strict=True)
        ]
        for row in zip(counts, shares, colours, luminance, strict=True)
    ]
