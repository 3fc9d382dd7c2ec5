import csv
import io
import os
import random
from collections import Counter

import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.rules import read_fixes

NAMES = {
    5: ("Drinks", "Wine", "Red"),
    6: ("Drinks", "Wine", "White"),
    7: ("Drinks", "Juice", "Red "),
    8: ("a", "b", "Rosé"),
}
KEY, LATER = "0123456789abcdef", "fedcba9876543210"
HEADER = "product_id;verdict;category_id;reason\n"


def reason(given=5, suggested=6, key=KEY):
    return (
        f"the catalogue says A; (b) ({given}); suggested: C ({suggested}); score 3 of 5; list {key}, judged by verdict"
    )


def fixes(tmp_path, *rows, ids=(5, 6, 8), left_out=(), header=HEADER):
    path = tmp_path / "fixes.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    table = read_fixes(path, set(ids), left_out, NAMES)
    return {i: None if pd.isna(c) else c for i, c in zip(table["product_id"], table["category_id"], strict=True)}


@pytest.mark.parametrize(
    ("verdict", "category", "fixed"),
    [
        ("", "6", {}),
        ("catalogue", "6", {}),
        ("catalogue", "5", {}),
        ("catalogue", "", {}),
        ("suggested", "6", {1: 6}),
        (" Suggested ", "6", {1: 6}),
        ("suggested", "white", {1: 6}),
        ("other", "8", {1: 8}),
        ("other", "", {1: None}),
        ("unsure", "6", {1: None}),
        ("unsure", "", {1: None}),
    ],
)
def test_a_listed_row_fixes_what_its_verdict_says(tmp_path, verdict, category, fixed):
    assert fixes(tmp_path, f'1;{verdict};{category};"{reason()}"') == fixed


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f'1;;8;"{reason()}"', "has the verdict nothing, but category_id is not the suggested one any more"),
        (f'1;;;"{reason()}"', "has the verdict nothing, but category_id is not the suggested one any more"),
        (f'1;suggested;8;"{reason()}"', "has the verdict suggested, but category_id is not the suggested 6"),
        (f'1;suggested;;"{reason()}"', "has the verdict suggested, but category_id is not the suggested 6"),
        (f'1;other;6;"{reason()}"', "has the verdict other, but category_id is still the suggested one"),
        (f'1;other;5;"{reason()}"', "category_id is the catalogue's own; write catalogue"),
        (f'1;catalogue;8;"{reason()}"', "write other, or empty it"),
        (f'1;unsure;8;"{reason()}"', "write other, or empty it"),
        (
            f'1;sugested;6;"{reason()}"',
            "line 2 has the verdict 'sugested', expected catalogue, suggested, other, unsure",
        ),
        (f'1;right;6;"{reason()}"', "or nothing: not looked at"),
        ("1;;6;mine", "line 2 has no verdict, and its reason does not say that it comes from a list"),
        (f'1;;6;"{reason()[:-10]}"', "line 2 has no verdict, and its reason does not say that it comes from a list"),
        ("1;suggested;;mine", "category_id is empty; write the suggested one"),
    ],
)
def test_a_verdict_that_its_row_contradicts_is_refused_with_the_line(tmp_path, row, words):
    with pytest.raises(DataError, match=r"fixes\.csv: line 2") as caught:
        fixes(tmp_path, row)
    assert words in str(caught.value)


def test_a_list_as_it_was_written_fixes_nothing_whatever_the_order_of_its_rows(tmp_path):
    rows = [f'{number};;6;"{reason()}"' for number in (3, 1, 2)]
    assert fixes(tmp_path, *rows, ids=(5,)) == {}


def test_rows_of_two_lists_and_of_a_person_live_in_one_file(tmp_path):
    rows = (
        f'1;;6;"{reason()}"',
        f'1;suggested;6;"{reason(key=LATER)}"',
        f'2;catalogue;6;"{reason()}"',
        f'2;catalogue;6;"{reason(key=LATER)}"',
        "3;other;8;mine",
        f'4;other;5;"score 2 of 5; list {"a" * 16}"',
    )
    assert fixes(tmp_path, *rows) == {1: 6, 3: 8, 4: 5}


def test_two_verdicts_that_differ_are_refused_with_both_lines(tmp_path):
    rows = (f'1;catalogue;6;"{reason()}"', f'1;suggested;6;"{reason(key=LATER)}"')
    with pytest.raises(DataError, match=r"line 3 names product 1 a second time \(first on line 2\)"):
        fixes(tmp_path, *rows)


PLAIN = "product_id;category_id;reason\n"


@pytest.mark.parametrize("name", ["White", " white ", '"WHITE"', "White (6)"])
def test_a_name_that_one_category_of_the_sample_has_may_stand_for_its_id(tmp_path, name):
    assert fixes(tmp_path, f"1;{name};mine", header=PLAIN) == {1: 6}


def test_a_name_that_only_one_category_of_the_sample_has_is_no_question(tmp_path):
    assert fixes(tmp_path, "1;Red;mine", header=PLAIN) == {1: 5}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1;Red;x", "2 categories have this name: 5 (Drinks > Wine > Red), 7 (Drinks > Juice > Red ); write the id"),
        ("1;Whit;x", "expected the id or the name of a category of the sample; did you mean White?"),
        (
            "1;Rosé;x",
            "gives product 1 the category Rosé (8), which was left out as a small class; expected one of 5, 6, 7",
        ),
        ("1;1E+09;x", "a spreadsheet may have changed the id"),
        ("1,0E+09;5;x", "a spreadsheet may have changed the id"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_candidates(tmp_path, row, words):
    with pytest.raises(DataError, match=r"line 2 ") as caught:
        fixes(tmp_path, row, ids=(5, 6, 7), left_out=(8,), header=PLAIN)
    assert words in str(caught.value)


def second_reading(text):
    """Read a fixes file in another way: product -> category or None, of the rows that fix something."""
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    by_name = {"red": 5, "white": 6, "rosé": 8}
    fixed = {}
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator):
        said = {name.strip(): (value or "").strip() for name, value in row.items()}
        verdict, category = said["verdict"].casefold(), said["category_id"]
        if not any(said.values()) or verdict == "catalogue" or (not verdict and "judged by verdict" in said["reason"]):
            continue
        number = None if verdict == "unsure" or not category else by_name.get(category.casefold()) or int(category)
        fixed[int(said["product_id"])] = number
    return fixed


def edited(text, rng):
    """Return a text after a slip of a person, an editor or a spreadsheet."""
    lines = text.splitlines(keepends=True)
    place, line = rng.randrange(len(text)), rng.randrange(len(lines))
    slips = [
        text[:place] + rng.choice('",;\t\n 0169-xé\0\ufeff') + text[place:],
        text[:place] + text[place + rng.choice([1, 1, 1, 5, 40]) :],
        text[:place],
        "".join(lines[:line] + lines[line + 1 :]),
        "".join([*lines[:line], lines[line], *lines[line:]]),
        lines[0] + "".join(rng.sample(lines[1:], len(lines) - 1)),
        text.replace("\n", rng.choice(["\r\n", "\n\n", "\n;;;\n"])),
        "\ufeff" + text.replace(";", rng.choice([",", "\t", ";"])),
    ]
    return rng.choice(slips)


def test_no_slip_in_a_fixes_file_is_a_traceback_or_another_meaning(tmp_path):
    rows = [
        f'{i};{verdict};6;"{reason()}"' for i, verdict in enumerate(("", "catalogue", "suggested", "unsure", ""), 100)
    ]
    rows += [f'200;other;8;"{reason()}"', "201;other;White;mine", '202;other;;"mine; ""really"""', "203;other;5;é"]
    text = HEADER + "".join(f"{row}\n" for row in rows)
    rng, counts, path = random.Random(1), Counter(), tmp_path / "fixes.csv"
    for _ in range(400 * int(os.environ.get("CDISCOUNT_TEST_SCALE", "1"))):
        slipped = edited(text, rng)
        if rng.random() < 0.3:
            slipped = edited(slipped, rng) if slipped else slipped
        path.write_text(slipped, encoding="utf-8", newline="")
        try:
            table = read_fixes(path, {5, 6, 8}, (), NAMES)
        except DataError as error:
            assert str(path) in str(error)
            counts["refused"] += 1
            continue
        counts["read"] += 1
        found = {i: None if pd.isna(c) else c for i, c in zip(table["product_id"], table["category_id"], strict=True)}
        assert found == second_reading(slipped.removeprefix("\ufeff")), slipped
    assert min(counts["refused"], counts["read"]) > 50


@pytest.mark.parametrize(
    ("product", "category", "words"),
    [
        ("1.0", "5", "a spreadsheet may have changed the id"),
        ("1", "5.0", "a spreadsheet may have changed the id"),
        ("011", "5", "write 11, without plus and leading zeros"),
        (str(2**63), "5", "the id is too large"),
        ("1", str(2**63), "the id is too large"),
    ],
)
def test_an_id_that_is_none_gets_the_same_advice_as_in_the_other_files(tmp_path, product, category, words):
    with pytest.raises(DataError, match=words):
        fixes(tmp_path, f"{product},{category},mine", header="product_id,category_id,reason\n")
