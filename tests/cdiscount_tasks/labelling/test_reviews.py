import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.reviews import judge_rows, read_judgements

LISTED = pd.DataFrame({"product_id": [1, 2, 3, 4], "category_id": [10, 10, 20, 20]})
KEY = "0123456789abcdef"
REASON = f"the catalogue says A (10); suggested: B (20); score 1 of 5; list {KEY}, judged by verdict"


def judged(folder, *rows, header="product_id,verdict,category_id,reason"):
    path = folder / "fixes.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return read_judgements(path)


@pytest.mark.parametrize(
    ("verdict", "category", "looked_at", "unsure", "wrong"),
    [
        ("", "20", False, False, False),
        ("catalogue", "20", True, False, False),
        ("catalogue", "", True, False, False),
        ("suggested", "20", True, False, True),
        ("other", "30", True, False, True),
        ("other", "", True, False, True),
        ("other", "10", True, False, False),
        ("unsure", "20", True, True, False),
        ("Unsure", "", True, True, False),
    ],
)
def test_what_a_verdict_says_of_a_row(tmp_path, verdict, category, looked_at, unsure, wrong):
    outcome = judge_rows(LISTED.head(1), judged(tmp_path, f'1,{verdict},{category},"{REASON}"'))
    assert [one.tolist() for one in outcome] == [[looked_at], [unsure], [wrong]]


def test_a_row_that_was_deleted_was_not_looked_at(tmp_path):
    outcome = judge_rows(LISTED, judged(tmp_path, f'2,suggested,20,"{REASON}"'))
    assert outcome.looked_at.tolist() == [False, True, False, False]
    assert outcome.wrong.tolist() == [False, True, False, False]


def test_a_correction_of_ones_own_is_no_judgement_of_a_list(tmp_path):
    assert judged(tmp_path, "1,other,20,I saw it").verdicts == {}


def test_an_older_list_tells_how_many_rows_were_kept_and_nothing_of_the_others(tmp_path):
    rows = (f"1,20,score 1 of 5; list {KEY}", f",,leave this row: it says that you have been through list {KEY}")
    judgements = judged(tmp_path, *rows, header="product_id,category_id,reason")
    assert judgements == ({}, [KEY], {KEY: 1})
    assert not judge_rows(LISTED, judgements).looked_at.any()


def test_an_older_list_of_which_only_the_row_that_names_it_is_left_is_known(tmp_path):
    row = f",,leave this row: it says that you have been through list {KEY}"
    assert judged(tmp_path, row, header="product_id,category_id,reason").num_kept == {KEY: 0}


def test_a_row_of_a_list_without_the_column_of_verdicts_is_refused(tmp_path):
    with pytest.raises(DataError, match="line 2 comes from a list that is judged in the column verdict"):
        judged(tmp_path, f'1,20,"{REASON}"', header="product_id,category_id,reason")
