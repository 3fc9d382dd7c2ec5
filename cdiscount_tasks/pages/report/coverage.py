"""What simulations say of the report's 95 % intervals: how often they really contain the true value.

The figures are in `coverage.json` beside this file. `benchmarks.belief` measures and writes them: `interval_coverage`
those of the accuracy, `figure_coverage` those of figures that are no shares, `comparison_coverage` that of the
difference of two samples.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cdiscount_tasks.pages.parts.words import percent

COVERAGE_PATH = Path(__file__).with_name("coverage.json")
ENOUGH_GROUPS = 300
GOAL = (0.93, 0.97)


@cache
def measured() -> dict[str, Any]:
    """Return what `coverage.json` holds.

    Returns:
        `accuracy`: its `cells`, each with num_groups, accuracy, and the `least` and `most` covered over several kinds
        of simulated test sets. `figures`: of each figure `least` and `most`. `comparison`: its `cells`, each with
        num_groups and how often the interval of a difference `covered`. All: the `command`, and `repeats` of each kind.
    """
    held: dict[str, Any] = json.loads(COVERAGE_PATH.read_text(encoding="utf-8"))
    return held


def of_figure(name: str) -> str:
    """Say in how many of 100 simulated test sets a figure's interval contained the true value: `84 to 92`.

    Args:
        name: `log-loss`, `macro F1` or `gain over the baseline`.
    """
    found = measured()["figures"]["covered"][name]
    return f"{100 * found['least']:.0f} to {100 * found['most']:.0f}"


def of_difference() -> str:
    """Say how often the interval of a comparison's difference contained the true one in simulations."""
    cells = measured()["comparison"]["cells"]
    covered = sorted(cell["covered"] for cell in cells)
    groups = " to ".join(f"{number:,}" for number in sorted({cell["num_groups"] for cell in cells}))
    return (
        f"The interval of a difference {_verdict(covered[0], covered[-1])}: in simulated samples of {groups} groups it "
        f"contained the true difference in {_range(covered[0], covered[-1])} of the draws."
    )


def _verdict(least: float, most: float) -> str:
    if least < GOAL[0]:
        return "can be too narrow"
    return "can be wider than needed" if most > GOAL[1] else "is as wide as it should be"


def _range(least: float, most: float) -> str:
    return f"{percent(least).removesuffix(' %')} to {percent(most)}"


def _nearest(value: float, num_groups: int) -> Mapping[str, Any]:
    """Return the cell of the next fewer groups (the fewest, if none has fewer) and the nearest accuracy."""
    cells = measured()["accuracy"]["cells"]
    numbers = sorted({cell["num_groups"] for cell in cells})
    near_groups = max([number for number in numbers if number <= num_groups], default=numbers[0])
    same: list[Mapping[str, Any]] = [cell for cell in cells if cell["num_groups"] == near_groups]
    return min(same, key=lambda cell: abs(cell["accuracy"] - value))


def needs_care(accuracy: Mapping[str, Any]) -> bool:
    """Return whether simulations found the interval of such an accuracy too narrow, or never tried so few groups."""
    if accuracy["value"] is None:
        return False
    cell = _nearest(accuracy["value"], accuracy["num_groups"])
    return bool(accuracy["num_groups"] < cell["num_groups"] or cell["least"] < GOAL[0])


def few_groups(accuracy: Mapping[str, Any]) -> str:
    """Say how far the interval of an accuracy can be trusted, where its groups are few; else nothing.

    Args:
        accuracy: A figure of metrics.json.

    Returns:
        A sentence under 300 groups, or where simulations did not cover within 93 to 97 %; else an empty text.
    """
    value, num_groups = accuracy["value"], accuracy["num_groups"]
    if value is None:
        return ""
    cell = _nearest(value, num_groups)
    groups = f"{num_groups:,} independent group{'' if num_groups == 1 else 's'}"
    if num_groups < cell["num_groups"]:
        return (
            f"{groups}: take the interval as a rough guide. It was checked by simulations of {cell['num_groups']:,} "
            "groups or more."
        )
    if num_groups >= ENOUGH_GROUPS and GOAL[0] <= cell["least"] and cell["most"] <= GOAL[1]:
        return ""
    least, most = cell["least"], cell["most"]
    return (
        f"{groups}: the interval {_verdict(least, most)}. In the nearest simulations, of {cell['num_groups']:,} "
        f"groups, it contained the true accuracy in {_range(least, most)} of the test sets."
    )
