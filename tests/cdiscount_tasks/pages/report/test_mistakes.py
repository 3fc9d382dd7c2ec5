import csv
import io

import pandas as pd
import pytest

from cdiscount_tasks.pages.labels.rows import Picture
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import class_names
from cdiscount_tasks.pages.report.cases import Galleries, TwinRow
from cdiscount_tasks.pages.report.mistakes import (
    MAX_CLASSES_TO_FILTER,
    MAX_ROWS,
    NUM_CLASSES_SHOWN,
    NUM_OF_CLASS,
    list_mistakes,
    mistake_table,
    mistakes_csv,
    order_mistakes,
)

PATHS = [("A", "B", "C"), ("A", "B", "=1+1"), ("A", "X", "C"), ("Z", "B", "C"), ("A", "B", "C")]
"""Of five categories, the names of level 1 to 3; the last has a name that is used already."""


def describe(paths):
    levels = ("level1", "level2", "level3")
    return [
        {"class_index": at, "category_id": 100 + at, **dict(zip(levels, path, strict=True))}
        for at, path in enumerate(paths)
    ]


CLASSES = describe(PATHS)


def make_mistakes(rows, nearest=None, classes=CLASSES):
    """Return the mistakes of rows of product_id, class_index, predicted, probability."""
    frame = pd.DataFrame(rows, columns=["product_id", "class_index", "predicted", "probability"])
    frame = order_mistakes(frame.assign(num_images=2, confidence=0.25))
    return list_mistakes(frame, classes, nearest or {})


def test_mistakes_are_listed_the_most_confident_first_and_right_answers_are_not():
    found = make_mistakes([(5, 0, 1, 0.7), (3, 1, 0, 0.9), (1, 2, 2, 0.99), (2, 0, 2, 0.7)])
    assert [one.product_id for one in found] == [3, 2, 5]


@pytest.mark.parametrize(("predicted", "levels"), [(1, 2), (2, 1), (3, 0), (4, 3)])
def test_levels_in_common_are_counted_from_the_first_down_to_the_first_that_differs(predicted, levels):
    (one,) = make_mistakes([(1, 0, predicted, 0.5)])
    assert one.levels_in_common == levels


def test_the_csv_has_ids_names_and_the_nearest_train_product_and_no_formula():
    near = {1: TwinRow(Picture(77, 3), 1, 0.87654)}
    text = mistakes_csv(make_mistakes([(1, 0, 1, 0.5), (2, 2, 0, 0.4)], near), CLASSES)
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {
        "product_id": "1",
        "num_images": "2",
        "category_id": "100",
        "category": "C",
        "predicted_category_id": "101",
        "predicted_category": "'=1+1",
        "confidence": "0.5",
        "tempered_confidence": "0.25",
        "levels_in_common": "2",
        "nearest_train_product_id": "77",
        "nearest_category_id": "101",
        "nearest_category": "'=1+1",
        "similarity": "0.8765",
    }
    assert [second[name] for name in list(second)[-4:]] == [""] * 4


def test_a_filter_has_the_options_that_leave_rows_and_one_that_would_leave_all_is_left_out():
    found = make_mistakes([(1, 4, 1, 0.96), (2, 0, 1, 0.9), (3, 4, 1, 0.2)])
    table = mistake_table(found, class_names(CLASSES))
    options = {one.key: {option.value: option.num_rows for option in one.options} for one in table.filters}
    assert options == {"true": {4: 2, 0: 1}, "band": {0: 1, 1: 1, 3: 1}}
    assert list(options["true"]) == [4, 0]  # the most frequent first
    assert '.sift:has(#sift-true-4:checked) tbody tr:not([data-true="4"]) { display: none; }' in table.rules


@pytest.mark.parametrize(("confidence", "band"), [(1.0, 0), (0.95, 0), (0.9499, 1), (0.8, 1), (0.5, 2), (0.01, 3)])
def test_the_end_of_a_band_belongs_to_it(confidence, band):
    assert make_mistakes([(1, 0, 1, confidence)])[0].band == band


def test_each_order_has_every_row_and_equals_are_by_confidence():
    found = make_mistakes([(1, 0, 1, 0.9), (2, 2, 0, 0.8), (3, 0, 1, 0.7), (4, 2, 1, 0.6), (5, 0, 2, 0.5)])
    orders = {
        one.key: [row.product_id for row in one.rows] for one in mistake_table(found, class_names(CLASSES)).orders
    }
    assert orders == {"confidence": [1, 2, 3, 4, 5], "true": [1, 3, 5, 2, 4], "said": [2, 1, 3, 4, 5]}


def test_many_classes_are_grouped_by_true_class_and_then_by_answer():
    classes = describe([("A", "B", f"C{number}") for number in range(MAX_CLASSES_TO_FILTER + 1)])
    rows = [(1, 7, 1, 0.9), (2, 8, 0, 0.8), (3, 7, 2, 0.7), (4, 7, 2, 0.6)]
    table = mistake_table(make_mistakes(rows, classes=classes), class_names(classes))
    assert (table.orders, table.filters, table.rules) == ([], [], "")
    assert [(group.true, group.num_all, group.taken_for) for group in table.groups] == [
        (7, 3, [(2, 2), (1, 1)]),
        (8, 1, [(0, 1)]),
    ]
    assert [row.product_id for row in table.groups[0].rows] == [3, 4, 1]


def test_above_256_classes_the_most_confident_mistakes_of_those_with_most_are_shown():
    classes = describe([("A", "B", f"C{number}") for number in range(300)])
    of_largest = [(at, 7, at % 5, 0.5) for at in range(NUM_OF_CLASS + 9)]
    of_others = [(1_000 + 2 * true + at, true, 0, 0.9) for true in range(8, 50) for at in range(2)]
    table = mistake_table(make_mistakes(of_largest + of_others, classes=classes), class_names(classes))
    assert [group.true for group in table.groups] == [7, *range(8, 7 + NUM_CLASSES_SHOWN)]
    assert sorted(row.product_id for row in table.groups[0].rows) == list(range(NUM_OF_CLASS))
    assert (table.num_rows, table.num_all) == (NUM_OF_CLASS + 2 * (NUM_CLASSES_SHOWN - 1), NUM_OF_CLASS + 9 + 84)


@pytest.mark.parametrize(
    ("num_classes", "of_class", "said"),
    [
        (MAX_CLASSES_TO_FILTER, 1, "The 500 most confident of 1,500 mistakes"),
        (5_000, 30, "The most confident mistakes of the 25 classes that have most: 500 of 1,500 mistakes"),
    ],
)
def test_the_table_takes_less_than_a_megabyte_of_the_page_and_says_how_many_there_are(num_classes, of_class, said):
    classes = describe([("A", "B", f"{number:04d}" + "N" * 400) for number in range(num_classes)])
    true = [at // of_class % num_classes for at in range(3 * MAX_ROWS)]
    rows = [(10**7 + at, one, (one + 1) % num_classes, 0.9) for at, one in enumerate(true)]
    near = {row[0]: TwinRow(Picture(2 * 10**7, 0), (row[1] + 2) % num_classes, 0.5) for row in rows}
    names = class_names(classes)
    table = mistake_table(make_mistakes(rows, near, classes), names)
    galleries = Galleries([], [], [], [], None, None, None, None)
    text = render_page("report/all_mistakes.html", mistake_table=table, names=names, galleries=galleries)
    assert said in text
    assert len(text) + len(table.rules) < 1_000_000
