import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables import parquet
from cdiscount_tasks.tables.joined_answers import predicted_rows
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.predicted import (
    iter_answers,
    iter_predicted,
    join_rejected,
    read_predicted,
    read_rejected,
    write_answers,
    write_predicted,
    write_rejected,
    write_submission,
)
from cdiscount_tasks.tables.schemas import PREDICTED, REJECTED
from tests.material.answered_rows import answers, rejected

ROWS = [(product_id, 10 * product_id, 5, 0.75) for product_id in range(10)]


@pytest.mark.parametrize("step", [1, 3, 10])
def test_answers_are_the_same_bytes_however_they_come(tmp_path, monkeypatch, step):
    monkeypatch.setattr(parquet, "_ROWS_PER_GROUP", 4)
    write_answers(tmp_path, (answers(ROWS[first : first + step]) for first in range(0, len(ROWS), step)))
    whole = tmp_path / "whole"
    whole.mkdir()
    write_answers(whole, [answers(ROWS)])
    assert (tmp_path / "answers.parquet").read_bytes() == (whole / "answers.parquet").read_bytes()
    assert [len(rows) for rows in iter_answers(whole)] == [4, 4, 2]


def test_predictions_are_read_whole_in_pieces_or_by_column(tmp_path):
    made = predicted_rows(answers(ROWS), 0.5, np.arange(10))
    write_predicted(tmp_path, [made[:3], made[3:]])
    assert read_predicted(tmp_path).equals(made)
    assert read_predicted(tmp_path).schema == PREDICTED
    (rows,) = iter_predicted(tmp_path, ["group_id"])
    assert rows.to_pydict() == {"group_id": list(range(10))}
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"predictions\.parquet: is damaged"):
        read_predicted(tmp_path)


def test_what_the_index_and_the_ranges_rejected_is_joined_in_the_order_of_the_file(tmp_path):
    parts = [tmp_path / name for name in ("index", "a", "b")]
    for part in parts:
        part.mkdir()
    columns = {name: [None] for name in REJECTED.names}
    columns |= {"stage": ["index"], "byte_offset": [15], "reason": ["document_unreadable"], "detail": ["torn"]}
    write_table(parts[0] / "rejected.parquet", columns, REJECTED)
    write_rejected(parts[1], rejected([(1, 10)]))
    write_rejected(parts[2], rejected([(2, 20), (3, 30)]))
    assert read_rejected(parts[2])["product_id"].to_pylist() == [2, 3]
    found = join_rejected(parts[0], parts[1:])
    assert found["byte_offset"].to_pylist() == [10, 15, 20, 30]
    assert found["product_id"].to_pylist() == [1, None, 2, 3]


def test_a_submission_is_written_as_kaggle_takes_it(tmp_path):
    parts = [tmp_path / name for name in ("a", "b")]
    for part, rows in zip(parts, (ROWS[1:3], ROWS[3:4]), strict=True):
        part.mkdir()
        write_answers(part, [answers(rows)])
    write_predicted(tmp_path, [predicted_rows(answers(ROWS[1:4]), 0.8, np.arange(3))])
    num_filled = write_submission(parts, rejected([(2, 5), (77, 25), (None, 26)]), 6, tmp_path)
    assert num_filled == 1
    assert (tmp_path / "submission.csv").read_bytes() == b"_id,category_id\n1,5\n2,5\n77,6\n3,5\n"
