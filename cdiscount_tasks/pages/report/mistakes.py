"""All mistakes on test: mistakes.csv, and the page's table of them, which is filtered and sorted without a script.

Every filter is a group of radio buttons; style rules made here (`:has(:checked)`) hide the rows that are not asked for.
Every order is a table of its own, of which one is seen: a screen reader hears the order that is shown.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd

from cdiscount_tasks.learning.measuring.confusion import MAX_CLASSES_IN_MATRIX
from cdiscount_tasks.pages.parts.outside_text import csv_cell
from cdiscount_tasks.pages.parts.words import ClassName
from cdiscount_tasks.pages.report.cases import TwinRow

MAX_ROWS = 500
MAX_CLASSES_TO_FILTER = 100
"""Above, mistakes are grouped by class: a list of so many buttons helps nobody."""

NUM_CLASSES_SHOWN, NUM_OF_CLASS = 25, 20
"""Above 256 classes the page shows those with most mistakes, and of each the most confident: of 5,270 classes the 500
most confident mistakes are of 300 classes, most of them alone there."""

_LEVELS = ("level1", "level2", "level3")
_BANDS = ((0.95, "95 % or more"), (0.8, "80 to 95 %"), (0.5, "50 to 80 %"), (0.0, "below 50 %"))
_IN_COMMON = ("nothing, not even level 1", "level 1 alone", "levels 1 and 2", "all three names")
_HEADER = (
    *("product_id", "num_images", "category_id", "category", "predicted_category_id", "predicted_category"),
    *("confidence", "tempered_confidence", "levels_in_common"),
    *("nearest_train_product_id", "nearest_category_id", "nearest_category", "similarity"),
)


class Mistake(NamedTuple):
    """A test product that was taken for another class.

    Attributes:
        product_id: The product.
        num_images: Its images that were judged, 1 to 4.
        true: Class index.
        predicted: Class index.
        confidence: The probability of the predicted class.
        tempered_confidence: The same at the evaluation's temperature.
        levels_in_common: At how many levels of the tree, from the first on, both categories have the same name, 0 to 3.
        nearest: The nearest product that was learnt from; None: not known.
    """

    product_id: int
    num_images: int
    true: int
    predicted: int
    confidence: float
    tempered_confidence: float
    levels_in_common: int
    nearest: TwinRow | None

    @property
    def band(self) -> int:
        """Return the place of its confidence among the bands."""
        return next(place for place, (lowest, _) in enumerate(_BANDS) if self.confidence >= lowest)


class Option(NamedTuple):
    """A radio button: its value, the class or the words beside it, and how many rows it leaves."""

    value: int
    label: ClassName | str
    num_rows: int


class Filter(NamedTuple):
    """A group of radio buttons; `key` is the attribute of the rows that it looks at."""

    key: str
    legend: str
    options: Sequence[Option]


class Order(NamedTuple):
    """The rows in one order."""

    key: str
    label: str
    rows: Sequence[Mistake]


class ClassGroup(NamedTuple):
    """The mistakes of one true class: those on the page, by what they were taken for, and all."""

    true: int
    rows: Sequence[Mistake]
    num_all: int
    taken_for: Sequence[tuple[int, int]]


class MistakeTable(NamedTuple):
    """What the page shows of all mistakes: orders with filters, or, of many classes, groups.

    Attributes:
        num_all: Of all mistakes.
        num_rows: Of those on the page, the most confident.
        of_classes: Whether these are of the classes with most mistakes alone.
        orders: The rows in each order; empty where there are groups.
        filters: Those that tell rows apart.
        groups: The rows by true class, the one with most mistakes first; empty where there are orders.
        rules: The style rules of the buttons.
    """

    num_all: int
    num_rows: int
    of_classes: bool
    orders: Sequence[Order]
    filters: Sequence[Filter]
    groups: Sequence[ClassGroup]
    rules: str


def order_mistakes(products: pd.DataFrame) -> pd.DataFrame:
    """Return the mistakes among test products, the most confident first; ties by product_id.

    Args:
        products: product_id, class_index, predicted, probability and more.
    """
    wrong = products[products["class_index"] != products["predicted"]]
    return wrong.sort_values(["probability", "product_id"], ascending=[False, True])


def _levels_in_common(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    same = [one[level] == other[level] for level in _LEVELS]
    return same.index(False) if False in same else len(same)


def list_mistakes(
    wrong: pd.DataFrame, classes: Sequence[Mapping[str, Any]], nearest: Mapping[int, TwinRow]
) -> list[Mistake]:
    """Join the mistakes with what is known of them, in their order.

    Args:
        wrong: product_id, num_images, class_index, predicted, probability, confidence.
        classes: `classes` of metrics.json.
        nearest: The nearest train product of those of which it is known, by product_id.
    """
    columns = ("product_id", "num_images", "class_index", "predicted", "probability", "confidence")
    values = zip(*(wrong[name].tolist() for name in columns), strict=True)
    return [
        Mistake(
            product_id=product_id,
            num_images=num_images,
            true=true,
            predicted=predicted,
            confidence=probability,
            tempered_confidence=confidence,
            levels_in_common=_levels_in_common(classes[true], classes[predicted]),
            nearest=nearest.get(product_id),
        )
        for product_id, num_images, true, predicted, probability, confidence in values
    ]


def mistakes_csv(mistakes: Sequence[Mistake], classes: Sequence[Mapping[str, Any]]) -> str:
    """Return mistakes.csv: a row each, in their order; empty where the nearest train product is not known.

    Args:
        mistakes: All of test.
        classes: `classes` of metrics.json.
    """
    named = [(one["category_id"], csv_cell(one["level3"])) for one in classes]
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_HEADER)
    for one in mistakes:
        twin = one.nearest
        near = (twin.picture.product_id, *named[twin.class_index], round(twin.similarity, 4)) if twin else ("",) * 4
        sure = (round(one.confidence, 6), round(one.tempered_confidence, 6))
        writer.writerow(
            [
                one.product_id,
                one.num_images,
                *named[one.true],
                *named[one.predicted],
                *sure,
                one.levels_in_common,
                *near,
            ]
        )
    return file.getvalue()


def _filters(rows: Sequence[Mistake], names: Sequence[ClassName]) -> list[Filter]:
    """Return the filters by which rows differ, each with the options that leave any row; classes by frequency."""
    bands, levels = dict(enumerate(said for _, said in _BANDS)), dict(enumerate(_IN_COMMON))
    of_class: dict[int, ClassName | str] = dict(enumerate(names))
    asked: list[tuple[str, str, list[int], Mapping[int, ClassName | str]]] = [
        ("true", "Catalogue", [one.true for one in rows], of_class),
        ("said", "Model", [one.predicted for one in rows], of_class),
        ("band", "Confidence", [one.band for one in rows], bands),
        ("level", "Both share", [one.levels_in_common for one in rows], levels),
    ]
    found = []
    for key, legend, values, labels in asked:
        counts = Counter(values)
        by_frequency = labels is of_class
        order = sorted(counts, key=lambda one: (-counts[one] if by_frequency else 0, one))
        if len(order) > 1:
            found.append(Filter(key, legend, [Option(one, labels[one], counts[one]) for one in order]))
    return found


def _orders(rows: Sequence[Mistake]) -> list[Order]:
    """Return the rows, the most confident first, also by either class and then by confidence."""
    return [
        Order("confidence", "most confident first", rows),
        Order("true", "by category of the catalogue", sorted(rows, key=lambda one: (one.true, one.predicted))),
        Order("said", "by answer of the model", sorted(rows, key=lambda one: (one.predicted, one.true))),
    ]


def _rules(orders: Sequence[Order], filters: Sequence[Filter]) -> str:
    """Return the style rules: a button that is chosen hides what it does not name."""
    values = [("order", order.key, "[data-order]") for order in orders]
    values += [(one.key, str(option.value), "tbody tr") for one in filters for option in one.options]
    return "\n".join(
        f'.sift:has(#sift-{key}-{value}:checked) {what}:not([data-{key}="{value}"]) {{ display: none; }}'
        for key, value, what in values
    )


def _groups(rows: Sequence[Mistake], num_of_class: Mapping[int, int]) -> list[ClassGroup]:
    """Group rows by true class, then by answer, the most frequent first, then by confidence."""
    groups = []
    for true, found in groupby(sorted(rows, key=lambda one: one.true), key=lambda one: one.true):
        of_class = list(found)
        counts = Counter(one.predicted for one in of_class)
        taken_for = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        place = {predicted: at for at, (predicted, _) in enumerate(taken_for)}
        ordered = sorted(of_class, key=lambda one: place[one.predicted])
        groups.append(ClassGroup(true, ordered, num_of_class[true], taken_for))
    return sorted(groups, key=lambda group: (-len(group.rows), group.true))


def _of_costliest(mistakes: Sequence[Mistake], num_of_class: Mapping[int, int]) -> list[Mistake]:
    """Return the most confident mistakes of each of the classes with most of them, in their order."""
    costliest = sorted(num_of_class, key=lambda true: (-num_of_class[true], true))[:NUM_CLASSES_SHOWN]
    free = dict.fromkeys(costliest, NUM_OF_CLASS)
    chosen = []
    for one in mistakes:
        if free.get(one.true):
            free[one.true] -= 1
            chosen.append(one)
    return chosen


def mistake_table(mistakes: Sequence[Mistake], names: Sequence[ClassName]) -> MistakeTable:
    """Choose what the page shows of all mistakes: the 500 most confident, to filter or, of many classes, in groups.

    Above 256 classes they are those of the classes with most mistakes.

    Args:
        mistakes: All of test, the most confident first.
        names: Of the classes, by class index.
    """
    rows = mistakes[:MAX_ROWS]
    if len(names) > MAX_CLASSES_TO_FILTER:
        num_of_class, of_classes = Counter(one.true for one in mistakes), len(names) > MAX_CLASSES_IN_MATRIX
        rows = _of_costliest(mistakes, num_of_class) if of_classes else rows
        groups = _groups(rows, num_of_class)
        if of_classes:
            groups.sort(key=lambda group: (-group.num_all, group.true))
        return MistakeTable(len(mistakes), len(rows), of_classes, [], [], groups, "")
    orders, filters = _orders(rows), _filters(rows, names)
    rules = _rules(orders, filters) if rows else ""
    return MistakeTable(len(mistakes), len(rows), False, orders, filters, [], rules)
