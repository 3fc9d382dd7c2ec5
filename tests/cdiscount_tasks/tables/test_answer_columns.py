import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.predicted_products import NO_TRUTH, STRANGER, PredictedProducts
from cdiscount_tasks.tables import answer_columns
from cdiscount_tasks.tables.answer_columns import ANOTHER, NOT_GIVEN, count_rejected, read_answer_columns
from tests.material.predicted_products import answers_of, make_predictions

IDS = [30, 10, 20]


def test_the_words_are_those_of_the_measuring():
    assert (ANOTHER, NOT_GIVEN) == (STRANGER, NO_TRUTH)


def test_what_was_written_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_columns, "_AT_ONCE", 2)
    answers = answers_of(
        product_id=[9, 5, 7], best=[2, 0, 1], confidence=[0.9, 0.5, 0.25], abstained=[False, True, False],
        known=[0, -1, 2], given=[20, 99, 0], given_class=[2, STRANGER, NO_TRUTH], num_damaged=[0, 1, 0],
        copy_of_train=[True, False, False], group_id=[5, 5, 7],
    )  # fmt: skip
    read = PredictedProducts(**read_answer_columns(make_predictions(tmp_path, answers, IDS), IDS))
    for name, column in answers._asdict().items():
        assert np.array_equal(getattr(read, name), column), name
        assert getattr(read, name).dtype == column.dtype, name


def test_a_file_without_a_row_gives_empty_columns(tmp_path):
    columns = read_answer_columns(make_predictions(tmp_path, answers_of(best=np.zeros(0)), IDS), IDS)
    assert {len(column) for column in columns.values()} == {0}


def test_an_answer_that_is_none_of_the_models_classes_is_refused(tmp_path):
    folder = make_predictions(tmp_path, answers_of(best=[0]), IDS)
    with pytest.raises(DataError, match="category 30, which is none of the model's 2 classes"):
        read_answer_columns(folder, IDS[1:])


def test_rejected_documents_are_counted_by_reason(tmp_path):
    rows = [(None, 0, "id_missing", ""), (4, 9, "no_usable_image", ""), (5, 12, "no_usable_image", "")]
    folder = make_predictions(tmp_path, answers_of(best=[0]), IDS, rows)
    assert count_rejected(folder) == {"no_usable_image": 2, "id_missing": 1}
