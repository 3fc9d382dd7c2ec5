import csv
import re

import numpy as np

from cdiscount_tasks.pages.suspects import page
from cdiscount_tasks.pages.suspects.page import render_suspects_page, show_listed
from cdiscount_tasks.pages.suspects.rows import list_rows, listed_rows, write_list
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.cdiscount_tasks.pages.suspects.test_rows import CLASSES, KEY, suspects
from tests.material.html_page import Page

METRICS = {
    "sample": {"name": "wine", "title": "Wine"},
    "run_id": "manual__1",
    "catalogue": {"origin": "file"},
    "suspects": {"list": KEY},
    "classes": CLASSES.to_dict("records"),
}
LISTED = listed_rows(suspects())


def page_of(rows, pictures=None, **kept_out):
    return render_suspects_page(METRICS, show_listed(listed_rows(rows), pictures or {}), **kept_out)


def products_of(text):
    return [int(number) for number in re.findall(r"product (\d+)", text)]


def test_every_row_of_the_list_stands_there_in_its_order():
    rows = list(csv.DictReader(write_list(list_rows(suspects(), CLASSES, KEY)).splitlines()))
    assert products_of(Page(page_of(suspects())).text) == [int(row["product_id"]) for row in rows]


def test_the_page_is_the_same_whatever_came_in_as_suspect_and_whatever_at_random():
    rows = suspects()
    told_otherwise = rows.assign(
        listed=rows["listed"].replace({"suspect": "random", "random": "suspect"}),
        is_suspect=~rows["is_suspect"],
        score=np.where(rows["listed"] == "", 0, 5),
        probability_of_category=0.9,
        probability_of_suggestion=0.05,
        conflicted=True,
    )
    assert page_of(rows) == page_of(told_otherwise)


def test_first_pictures_come_before_any_second_one_and_what_has_no_room_is_counted(monkeypatch):
    pictures = {product_id: [b"x" * 100, b"y" * 100] for product_id in LISTED["product_id"]}
    monkeypatch.setattr(page, "PICTURE_BUDGET_BYTES", 100 * (len(LISTED) + 1))
    shown = show_listed(LISTED, pictures)
    assert [len(one.product.pictures) for one in shown] == [2] + [1] * (len(LISTED) - 1)
    assert [one.product.num_left_out for one in shown] == [0] + [1] * (len(LISTED) - 1)


def test_a_picture_that_does_not_decode_is_told():
    text = Page(page_of(suspects(), {1000: [b"x", None]})).text
    assert "1 damaged" in text


def test_without_pictures_the_page_says_why_and_lists_every_row():
    text = page_of(suspects(), no_pictures="The sample keeps them out.")
    page = Page(text)
    assert "The sample keeps them out." in page.text and not page.all("img")
    assert "no picture on this page" not in page.text
    assert len(products_of(page.text)) == len(LISTED)


def test_a_drawn_catalogue_is_named_on_top():
    drawn = {**METRICS, "catalogue": {"origin": "drawn"}}
    shown = show_listed(listed_rows(suspects()), {})
    text = Page(render_suspects_page(drawn, shown)).text
    assert text.index(DRAWN_WARNING) < text.index("How to go through it")
    assert DRAWN_WARNING not in page_of(suspects())
