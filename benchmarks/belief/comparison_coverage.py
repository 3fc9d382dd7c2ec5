"""How often the comparison's 95 % intervals cover the truth, in simulated samples whose products come in groups.

`python -m benchmarks.belief.comparison_coverage` (`--repeats 50` for a look) prints the table of docs/measurements.md.
With `--write` it writes how often the interval of a difference covered into `coverage.json`, which the page reads.

Two samples of five classes are drawn anew in each repeat: groups of products as in `interval_coverage`, products of one
to four images, of which the first is a picture of the whole group. Features are points around their class's place:
groups stray from it, images from their group, so that heads learn more of some draws than of others. In one sample the
classes lie closer together. What the comparison does then runs as it is: pairs, five seeds, heads, intervals.

The truth is what the page claims: the accuracy that a head taught by so many groups has on groups of the population,
and the difference of two. It is the mean over all repeats, which a split by chance estimates without bias.
"""

import argparse
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from benchmarks.material.measure import keep_part
from cdiscount_tasks.learning.features.equal_size import Judged, accuracy_figure, difference_figure, judge_samples
from cdiscount_tasks.learning.features.matching import Material, match_sizes, pair_classes
from cdiscount_tasks.learning.measuring.intervals import Figure
from cdiscount_tasks.pages.report.coverage import COVERAGE_PATH
from tests.material.drawn_test_sets import NUM_IMAGES_SHARES, draw_usual_sizes

NUM_FEATURES = 16
CLASS_SHARES = np.array([0.55, 0.17, 0.12, 0.11, 0.05])  # as of wine and of mixed_bag
SPREAD_OF_GROUPS, SPREAD_OF_IMAGES = 1.0, 0.7


class Cell(NamedTuple):
    """What simulated samples are drawn from.

    Attributes:
        num_groups: Of each sample.
        apart: How far the classes of each sample lie from the middle.
    """

    num_groups: int
    apart: tuple[float, float]


CELLS = (Cell(150, (1.2, 2.2)), Cell(150, (2.2, 3.6)), Cell(500, (2.2, 3.6)))


def draw_material(num_groups: int, apart: float, random: np.random.Generator) -> Material:
    """Draw a sample."""
    class_of_group = np.repeat(np.arange(len(CLASS_SHARES)), np.round(CLASS_SHARES * num_groups).astype(int))
    sizes = draw_usual_sizes(random, (len(class_of_group),))
    group = np.repeat(np.arange(len(sizes)), sizes)
    num_images = random.choice(4, len(group), p=NUM_IMAGES_SHARES) + 1
    product = np.repeat(np.arange(len(group)), num_images)
    is_first = np.diff(product, prepend=-1) > 0
    own = np.arange(len(product)) + len(sizes)
    picture = np.where(is_first, group[product], own)  # the first image shows what the whole group shows
    centres = apart * np.eye(len(CLASS_SHARES), NUM_FEATURES)[class_of_group]
    centres += SPREAD_OF_GROUPS * random.normal(size=centres.shape)
    looks = SPREAD_OF_IMAGES * random.normal(size=(len(sizes) + len(product), NUM_FEATURES))
    features = (centres[group[product]] + looks[picture]).astype(np.float32)
    return Material(features, product, picture, class_of_group[group], group)


def judge_repeat(cell: Cell, seed: list[int]) -> list[Judged]:
    """Draw two samples and judge them as the comparison does."""
    random = np.random.default_rng(seed)
    materials = [draw_material(cell.num_groups, apart, random) for apart in cell.apart]
    sizes = [material.group_sizes(len(CLASS_SHARES)) for material in materials]
    pairs = pair_classes(sizes)
    return judge_samples(materials, pairs, match_sizes(sizes, pairs))[0]


def _with_seeds_joined(judged: Judged) -> Judged:
    """Return the same with all seeds as one, so that groups alone are drawn anew."""
    return judged._replace(
        right=judged.right.sum(axis=1, keepdims=True), tested=judged.tested.sum(axis=1, keepdims=True)
    )


def _ends(figure: Figure) -> tuple[float, float]:
    return cast(float, figure["low"]), cast(float, figure["high"])


def intervals(one: Judged, other: Judged) -> dict[str, tuple[float, tuple[float, float]]]:
    """Return of each figure and method the value and the interval."""
    joined = [_with_seeds_joined(judged) for judged in (one, other)]
    difference = difference_figure(one, other, (0, 1))
    value = cast(float, difference["value"])
    found = {
        "difference": (value, _ends(difference)),
        "difference, groups alone": (value, _ends(difference_figure(joined[0], joined[1], (0, 1)))),
    }
    for place, judged in enumerate((one, other)):
        figure = accuracy_figure(judged, place)
        found[f"accuracy {place + 1}"] = cast(float, figure["value"]), _ends(figure)
    return found


def measure(cell: Cell, repeats: int) -> dict[str, tuple[float, float, float]]:
    """Return of each interval how often it covered the truth, its mean width, and the truth."""
    rows = [
        intervals(*judge_repeat(cell, [*map(int, (cell.num_groups, 10 * cell.apart[0])), n])) for n in range(repeats)
    ]
    found = {}
    for name in rows[0]:
        truth = float(np.mean([row[name][0] for row in rows]))
        low, high = np.array([row[name][1] for row in rows]).T
        found[name] = float(np.mean((low <= truth) & (truth <= high))), float(np.mean(high - low)), truth
    return found


def main() -> None:
    """Print a row a cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300, help="pairs of samples drawn for each cell")
    parser.add_argument("--groups", type=int, help="of each sample, in every cell")
    parser.add_argument("--cells", type=int, default=len(CELLS), help="the first so many")
    parser.add_argument("--write", type=Path, nargs="?", const=COVERAGE_PATH, help="the file, if another one")
    options = parser.parse_args()
    cells = [cell._replace(num_groups=options.groups or cell.num_groups) for cell in CELLS[: options.cells]]
    covered_of = []
    for number, cell in enumerate(cells):
        results = measure(cell, options.repeats)
        covered_of.append({"num_groups": cell.num_groups, "apart": cell.apart, "covered": results["difference"][0]})
        if number == 0:
            print(f"| groups of each sample | {' | '.join(results)} |\n|{'---|' * (1 + len(results))}")
        told = " | ".join(
            f"{100 * covered:.1f} ({width:.3f}) of {truth:.3f}" for covered, width, truth in results.values()
        )
        print(f"| {cell.num_groups:,} | {told} |", flush=True)
    if options.write:
        command = f"python -m benchmarks.belief.comparison_coverage --cells {options.cells} --write"
        keep_part(options.write, "comparison", {"command": command, "repeats": options.repeats, "cells": covered_of})


if __name__ == "__main__":
    main()
