"""Figures of the model's confidence: calibration, and what answering less often brings."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from cdiscount_tasks.pages.parts.figures import FIRST, INK, SECOND, STYLE, Curve, inline, label_in_percent
from cdiscount_tasks.pages.parts.words import percent


def _calibration(name: str, title: str, bins: Sequence[Mapping[str, Any]], error: float) -> Curve:
    alt = (
        f"{title}: accuracy by mean confidence in {len(bins)} bins; they are {100 * error:.1f} points apart on average."
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.3), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
        values = [one["accuracy"]["value"] for one in bins]
        reach = [
            [one["accuracy"]["value"] - one["accuracy"]["low"] for one in bins],
            [one["accuracy"]["high"] - one["accuracy"]["value"] for one in bins],
        ]
        confidences = [one["confidence"] for one in bins]
        axes.errorbar(confidences, values, reach, color=FIRST, fmt="o-", ms=4.5, lw=1.5, elinewidth=1, capsize=2)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        label_in_percent(axes.xaxis)
        label_in_percent(axes.yaxis)
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        return Curve(title, inline(figure, name, alt), alt)


def _risk_coverage(selective: Mapping[str, Any]) -> Curve:
    points, title = selective["risk_coverage"], "Mistakes among the answers"
    halves = [point for point in points if point["coverage"] >= 0.5]
    of_all, of_half = percent(points[-1]["risk"]), percent(halves[0]["risk"])
    alt = f"{title} by share answered: {of_all} of all, {of_half} of the surer half."
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.3), layout="constrained")
        axes = figure.subplots()
        axes.plot([one["coverage"] for one in points], [one["risk"] for one in points], color=FIRST)
        chosen = [one for one in selective["thresholds"] if one["precision"]["value"] is not None]
        for one, marker in zip(chosen, "so", strict=False):
            place = one["coverage"]["value"], 1 - one["precision"]["value"]
            label = f"chosen for {100 * one['target_precision']:.0f} %"
            axes.plot(*place, marker, color=SECOND, ms=7, label=label, linestyle="none")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(bottom=0)
        label_in_percent(axes.xaxis)
        label_in_percent(axes.yaxis)
        axes.set_xlabel("share of products answered")
        axes.set_ylabel("share of mistakes")
        if chosen:
            axes.legend(frameon=False, fontsize=10)
        return Curve(title, inline(figure, "risk", alt), alt)


def draw_confidence(product: Mapping[str, Any]) -> list[Curve]:
    """Draw the calibration as predicted and at the temperature, and the risk-coverage curve.

    Args:
        product: `test.product` of metrics.json, with at least one product.
    """
    calibration = product["calibration"]
    tempered = calibration["tempered"]
    curves = [
        _calibration("calibration", "Calibration as predicted", calibration["bins"], calibration["error"]["value"])
    ]
    if tempered["temperature"] != 1:
        title = f"Calibration at temperature {tempered['temperature']:.2f}"
        curves.append(_calibration("tempered", title, tempered["bins"], tempered["error"]["value"]))
    return [*curves, _risk_coverage(product["selective"])]
