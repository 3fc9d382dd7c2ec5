import pandas as pd
import pytest
from markupsafe import Markup

from cdiscount_tasks.pages.parts.outside_text import csv_cell, markdown, plain, shown, without_marks
from tests.material.hostile_names import hostile_names


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\u00ad", "\U000e0041"])
def test_what_cannot_be_seen_or_moves_its_neighbours_goes(mark):
    assert without_marks(f"VIN{mark} ROUGE") == "VIN ROUGE"


@pytest.mark.parametrize(
    "text", ["שלום 123", "مرحبا", "é e\u0301 ç", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "a\nb"]
)
def test_letters_of_any_script_and_emoji_stay(text):
    assert without_marks(text) == text


def test_a_pile_of_combining_marks_is_cut_to_three():
    assert without_marks("Z" + "\u0300" * 50 + "a\u0301") == "Z" + "\u0300" * 3 + "a\u0301"


@pytest.mark.parametrize("text", ["\ud800", "\ufdd0", "\uffff"])
def test_what_utf_8_or_html_refuses_goes(text):
    assert without_marks(f"a{text}b") == "ab"


def test_a_name_stands_on_one_line():
    assert plain(" VIN \r\n\x0b\u2028 ROUGE\x00 ") == "VIN ROUGE"


def test_what_the_project_drew_itself_is_shown_as_it_is():
    svg = Markup("<svg>\u200b</svg>")
    assert shown(svg) is svg
    assert shown("\u200bx") == "x"
    assert shown(3) == 3


def test_markdown_in_a_name_is_escaped():
    assert markdown("a|b *c*\n<d> https://x") == r"a\|b \*c\* \<d\> https\://x"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", " =1"])
def test_what_a_spreadsheet_would_compute_begins_with_an_apostrophe(text):
    assert csv_cell(text) == f"'{text}"


def test_a_usual_name_stands_in_a_csv_as_it_is():
    assert csv_cell("VIN - ROUGE") == "VIN - ROUGE"


def test_300_hostile_names_come_back_out_of_a_csv(tmp_path):
    names = [csv_cell(name) for name in hostile_names()]
    pd.DataFrame({"name": names, "n": range(len(names))}).to_csv(tmp_path / "names.csv", index=False)
    read = pd.read_csv(tmp_path / "names.csv", keep_default_na=False)
    assert read["n"].tolist() == list(range(len(names)))
