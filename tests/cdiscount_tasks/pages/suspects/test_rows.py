import csv

import pandas as pd
import pytest

from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.labelling.reviews import read_judgements
from cdiscount_tasks.labelling.rules import read_fixes
from cdiscount_tasks.pages.suspects import rows as suspect_rows
from cdiscount_tasks.pages.suspects.rows import choose_suspects, list_rows, show_suspects, write_list

KEY = "0123456789abcdef"
CLASSES = pd.DataFrame({"class_index": [0, 1], "category_id": [10, 20], "level3": ['VIN\nROUGE, "vieux"', "=1+1"]})


def suspects(num_rows=30):
    places = range(num_rows)
    listed = ["suspect" if place < 8 else "random" if place < 10 else "" for place in places]
    return pd.DataFrame(
        {
            "product_id": [1000 - 7 * place for place in places],
            "group_id": [place // 2 for place in places],
            "split": "train",
            "category_id": [10 if place % 2 else 20 for place in places],
            "suggested_category_id": [20 if place % 2 else 10 for place in places],
            "probability_of_category": 0.1,
            "probability_of_suggestion": 0.8,
            "conflicted": False,
            "is_suspect": [place < 9 for place in places],
            "listed": listed,
            "score": [3 if kind else 0 for kind in listed],
        }
    )


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "label_suspects.csv"
    made.write_text(write_list(list_rows(suspects(), CLASSES, KEY)), encoding="utf-8", newline="")
    return made


def test_the_list_is_a_fixes_file_that_fixes_nothing_before_anyone_looked(path):
    assert path.read_text("utf-8").splitlines()[0] == "product_id,verdict,category_id,reason"
    listed = suspects().loc[lambda rows: rows["listed"] != "", "product_id"]
    assert sorted(row.product_id for row in read_fix_rows(path)) == sorted(listed)
    assert read_fixes(path, [10, 20]).empty


def test_a_list_that_nobody_judged_is_named_and_none_of_it_was_looked_at(path):
    assert read_judgements(path) == ({}, [KEY], {})


def test_neither_order_nor_words_tell_which_rows_are_random(path):
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    ids = [int(row["product_id"]) for row in rows]
    assert ids == sorted(ids)
    assert {row["verdict"] for row in rows} == {""}
    words = {row["reason"].replace('VIN ROUGE, "vieux" (10)', "X").replace("=1+1 (20)", "X") for row in rows}
    assert words == {f"the catalogue says X; suggested: X; score 3 of 5; list {KEY}, judged by verdict"}


def test_no_cell_begins_as_a_formula(path):
    assert all(not value.startswith("=") for row in csv.reader(path.open(encoding="utf-8")) for value in row)


def test_the_page_shows_listed_suspects_one_of_each_group(monkeypatch):
    monkeypatch.setattr(suspect_rows, "NUM_SHOWN", 3)
    chosen = choose_suspects(suspects())
    assert chosen["group_id"].tolist() == [0, 1, 2]
    assert (chosen["listed"] == "suspect").all()


def test_pictures_beyond_the_budget_are_counted(monkeypatch):
    monkeypatch.setattr(suspect_rows, "NUM_SHOWN", 1)
    chosen = choose_suspects(suspects())
    (shown,) = show_suspects(chosen, {1000: [b"small", b"x" * 500_000]})
    assert (len(shown.product.pictures), shown.product.num_left_out) == (1, 1)
