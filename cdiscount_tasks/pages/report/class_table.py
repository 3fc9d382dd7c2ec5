"""Which classes the report shows one by one, and the table of all of them beside it."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.learning.measuring.confusion import MAX_CLASSES_IN_MATRIX
from cdiscount_tasks.pages.parts.figures import Curve, bars
from cdiscount_tasks.pages.parts.outside_text import csv_cell

MAX_CLASSES_IN_FULL = 100
NUM_AT_AN_END = 25
NUM_NEVER_PREDICTED = 30
_NUM_BINS = 10
_FIGURES = ("precision", "recall", "f1")

ClassFigures = Mapping[str, Any]
"""One of `test.product.per_class` of metrics.json."""


class ClassChoice(NamedTuple):
    """The classes that the page shows.

    Attributes:
        tables: What each table shows (`costliest`, `all`, `judged`, `worst`, `best`, `largest`), and its classes.
        missed: Of the costliest classes, by class index, how many test products were taken for another class.
        num_missed: Of all classes together.
        num_judged: Classes with enough test products to be judged.
        num_few: The others that have any; `num_absent` have none.
        few_right: Test products of those few that were found, and how many there are.
        never_predicted: Of the classes with test products those that were never answered, the largest first.
        num_never_predicted: How many these are.
        by_f1: The judged classes by F1; None if the page shows every class anyway.
    """

    tables: Sequence[tuple[str, Sequence[ClassFigures]]]
    missed: Mapping[int, int]
    num_missed: int
    num_judged: int
    num_few: int
    num_absent: int
    few_right: tuple[int, int]
    never_predicted: Sequence[ClassFigures]
    num_never_predicted: int
    by_f1: Curve | None


def worst_first(per_class: Sequence[ClassFigures]) -> list[ClassFigures]:
    """Order classes by F1, those that few products judge at the end: their places are chance."""

    def place(one: ClassFigures) -> tuple[bool, float, int]:
        f1 = one["f1"]["value"]
        return one["too_few_to_judge"], -1.0 if f1 is None else f1, one["class_index"]

    return sorted(per_class, key=place)


def _largest_first(classes: Sequence[ClassFigures]) -> list[ClassFigures]:
    return sorted(classes, key=lambda one: (-one["support"], one["class_index"]))


def _num_missed(one: ClassFigures) -> int:
    """Return how many test products of a class were taken for another one."""
    return int(one["support"] - round((one["recall"]["value"] or 0) * one["support"]))


def _costliest(present: Sequence[ClassFigures], num_classes: int) -> list[ClassFigures]:
    """Return the classes with most mistakes, where there are so many that the worst by F1 are small ones by chance."""
    if num_classes <= MAX_CLASSES_IN_MATRIX:
        return []
    ordered = sorted(present, key=lambda one: (-_num_missed(one), one["class_index"]))
    return [one for one in ordered[:NUM_AT_AN_END] if _num_missed(one)]


def _tables(per_class: Sequence[ClassFigures], judged: Sequence[ClassFigures]) -> list[tuple[str, list[ClassFigures]]]:
    if len(per_class) <= MAX_CLASSES_IN_FULL:
        return [("all", worst_first(per_class))]
    if not judged:
        return [("largest", _largest_first(per_class)[:NUM_AT_AN_END])]
    ordered = worst_first(judged)
    if len(ordered) <= 2 * NUM_AT_AN_END:
        return [("judged", ordered)]
    return [("worst", ordered[:NUM_AT_AN_END]), ("best", ordered[::-1][:NUM_AT_AN_END])]


def _draw_f1(judged: Sequence[ClassFigures]) -> Curve:
    counts = [0] * _NUM_BINS
    for one in judged:
        counts[min(int(_NUM_BINS * (one["f1"]["value"] or 0)), _NUM_BINS - 1)] += 1
    labels = [f"{100 * place // _NUM_BINS}" for place in range(_NUM_BINS)]
    return bars("f1", "Classes by F1", labels, counts, "F1 in %, from this value on")


def choose_classes(per_class: Sequence[ClassFigures]) -> ClassChoice:
    """Choose the classes that a page of bounded size shows: all up to 100, else the worst and the best.

    Above 256 classes those with most mistakes come first.

    Args:
        per_class: `test.product.per_class` of metrics.json.
    """
    present = [one for one in per_class if one["support"]]
    judged = [one for one in present if not one["too_few_to_judge"]]
    few = [one for one in present if one["too_few_to_judge"]]
    never = _largest_first([one for one in present if not one["num_predicted"]])
    few_right = sum(round(one["recall"]["value"] * one["support"]) for one in few)
    costliest = _costliest(present, len(per_class))
    return ClassChoice(
        tables=([("costliest", costliest)] if costliest else []) + _tables(per_class, judged),
        missed={one["class_index"]: _num_missed(one) for one in costliest},
        num_missed=sum(map(_num_missed, present)),
        num_judged=len(judged),
        num_few=len(few),
        num_absent=len(per_class) - len(present),
        few_right=(few_right, sum(one["support"] for one in few)),
        never_predicted=never[:NUM_NEVER_PREDICTED],
        num_never_predicted=len(never),
        by_f1=_draw_f1(judged) if judged and len(per_class) > MAX_CLASSES_IN_FULL else None,
    )


def write_classes(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write the figures of every class as CSV, in the order of their indices; empty where undefined.

    Args:
        path: The file to make.
        metrics: What metrics.json holds.
    """
    names = ("class_index", "category_id", "level1", "level2", "level3")
    counts = ("support", "num_predicted", "too_few_to_judge")
    ends = [f"{figure}{end}" for figure in _FIGURES for end in ("", "_low", "_high")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, "num_products_train", *counts, *ends])
        for one, figures in zip(metrics["classes"], metrics["test"]["product"]["per_class"], strict=True):
            values = [figures[figure][part] for figure in _FIGURES for part in ("value", "low", "high")]
            named = [csv_cell(one[name]) if isinstance(one[name], str) else one[name] for name in names]
            writer.writerow([*named, one["num_products"]["train"], *(figures[count] for count in counts), *values])
