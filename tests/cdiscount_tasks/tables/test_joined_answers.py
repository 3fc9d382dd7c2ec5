from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.joined_answers import (
    Filled,
    check_every_document,
    count_predicted,
    predicted_rows,
    products_to_fill,
    rejected_documents,
    submission_rows,
)
from cdiscount_tasks.tables.schemas import PREDICTED, REJECTED, REJECTED_PRODUCTS
from tests.material.answered_rows import answers, rejected

ROWS = [(7, 0, 5, 0.75), (4, 10, 6, 0.5), (8, 20, 5, 0.9)]


def test_below_the_least_confidence_there_is_no_answer_but_a_best_category():
    made = predicted_rows(answers(ROWS), 0.75, np.array([7, 4, 4]))
    assert made.schema == PREDICTED
    assert made["category_id"].to_pylist() == [5, None, 5]
    assert made["abstained"].to_pylist() == [False, True, False]
    assert made["top_category_ids"].to_pylist() == [[5, 9], [6, 9], [5, 9]]
    assert made["group_id"].to_pylist() == [7, 4, 4]


def test_a_part_of_a_table_is_joined_as_the_whole_of_it():
    table = answers(ROWS)
    groups = np.array([7, 4, 4])
    parts = [predicted_rows(table[first : first + 1], 0.75, groups[first : first + 1]) for first in range(3)]
    assert pa.concat_tables(parts).equals(predicted_rows(table, 0.75, groups))


def test_no_answers_are_no_rows():
    assert predicted_rows(answers([]), 0.5, np.zeros(0, np.int64)).equals(PREDICTED.empty_table())


def test_rows_are_counted_over_all_tables():
    tables = [predicted_rows(answers(rows), 0.75, np.array([row[0] for row in rows])) for rows in (ROWS[:1], ROWS[1:])]
    counts = {"num_predicted": 3, "num_answered": 2, "num_abstained": 1, "num_images": 6, "num_copies_of_train": 2}
    assert count_predicted(tables) == counts


def test_of_what_the_index_rejected_documents_are_products_that_were_not_predicted():
    rows = [
        ("index", 0, 9, 5, None, "imgs_empty", "a"),
        ("index", 3, 2, 6, 1, "picture_empty", "b"),
        ("index", 50, 9, None, None, "document_unreadable", "c"),
    ]
    table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=REJECTED)
    assert rejected_documents([table[:2], table[2:]]).to_pylist() == [
        {"product_id": 5, "byte_offset": 0, "reason": "imgs_empty", "detail": "a"},
        {"product_id": None, "byte_offset": 50, "reason": "document_unreadable", "detail": "c"},
    ]
    assert rejected_documents([]).schema == REJECTED_PRODUCTS


def test_a_rejected_id_is_filled_once_and_not_where_it_was_predicted():
    found = products_to_fill(rejected([(7, 1), (None, 2), (3, 3), (2, 4), (3, 5)]), np.array([7, 4]))
    assert (found.product_ids.tolist(), found.offsets.tolist()) == ([3, 2], [3, 4])


@pytest.mark.parametrize("cuts", [[], [1], [1, 2], [0, 0, 3]])
def test_a_submission_is_in_the_order_of_the_file_however_the_answers_are_cut(cuts):
    filled = Filled(np.array([1, 2, 3]), np.array([5, 15, 30]))
    table, edges = answers(ROWS), [0, *cuts, len(ROWS)]
    parts = [table[start:stop] for start, stop in pairwise(edges)]
    pieces = list(submission_rows(parts, filled, 99))
    rows = [row for ids, categories in pieces for row in zip(ids.tolist(), categories.tolist(), strict=True)]
    assert rows == [(7, 5), (1, 99), (4, 6), (2, 99), (8, 5), (3, 99)]


def test_documents_that_are_neither_predicted_nor_rejected_are_an_error():
    path = Path("t.bson")
    check_every_document(path, 3, rejected([(1, 1)]), 4)
    with pytest.raises(DataError, match=r"t.bson: 3 products were predicted and 1 documents rejected, expected 5"):
        check_every_document(path, 3, rejected([(1, 1)]), 5)
    with pytest.raises(DataError, match="none of 1 documents has an image that decodes"):
        check_every_document(path, 0, rejected([(1, 1)]), 1)
