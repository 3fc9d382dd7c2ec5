import pytest

from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.errors import DataError

HEADER = "category_id,category_level1,category_level2,category_level3\n"


@pytest.fixture
def read(tmp_path):
    def run(text, encoding="utf-8"):
        path = tmp_path / "names.csv"
        path.write_bytes(text.encode(encoding))
        return read_category_names(path)

    return run


def test_names_lose_the_spaces_around_them(read):
    assert read(HEADER + '5,VIN , VIN ROUGE,"BAG, ""BIG"" "\n')[5] == ("VIN", "VIN ROUGE", 'BAG, "BIG"')


def test_a_category_without_a_name_carries_its_id():
    assert read_category_names(None)[17] == ("17", "17", "17")


def test_ids_are_found_by_the_name_of_a_level(read):
    names = read(HEADER + "7,VIN,ROUGE,A\n5,VIN,BLANC,A\n6,JEU,VIN,B\n")
    assert (names.ids_of(1, "VIN"), names.ids_of(2, "VIN"), names.ids_of(3, "A "), names.ids_of(1, "vin")) == (
        [5, 7],
        [6],
        [5, 7],
        [],
    )


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(read):
    assert read((HEADER + "5,VIN,ROUGE,\u00c2GE\n").replace("\n", "\r\n"), "utf-8-sig")[5].level3 == "\u00c2GE"


def test_negative_ids_other_columns_and_empty_lines_are_read_as_everywhere(read):
    text = "note,category_level3,category_id,category_level1,category_level2\nx,C,-1,A,B\n\nx,D, 22 ,A,B\n"
    names = read(text)
    assert (names[-1], names[22]) == (("A", "B", "C"), ("A", "B", "D"))


def test_a_name_is_found_however_its_accents_are_composed(read):
    assert read(HEADER + "5,E\u0301TE\u0301,A,B\n").ids_of(1, "\u00c9T\u00c9") == [5]


@pytest.mark.parametrize(
    ("choice", "close"),
    [
        ((2, "MONTRE"), ["level2: MONTRES"]),
        ((2, "montres"), ["level2: MONTRES"]),
        ((1, "BIJOUTERIE"), []),
        ((3, "MONTRES"), ["level2: MONTRES"]),
        ((1, "ETE"), ["level1: \u00c9T\u00c9"]),
    ],
)
def test_a_slip_in_a_name_is_met_with_the_names_that_are_like_it(read, choice, close):
    assert read(HEADER + "5,\u00c9T\u00c9,MONTRES,QUARTZ\n").close_to(*choice) == close


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first line is empty"),
        ("id,a,b,c\n", "line 1 lacks the column category_id, expected category_id, category_level1"),
        (HEADER + "5,VIN,ROUGE\n", "line 2 has 3 fields, expected 4"),
        (HEADER + "005,A,B,C\n", "line 2 is ['005', 'A', 'B', 'C'], expected an id and three names; write 5, without"),
        (HEADER + "+5,A,B,C\n", "; write 5, without plus and leading zeros"),
        (HEADER + "1E+09,A,B,C\n", "; a spreadsheet may have changed the id: show the column as whole numbers"),
        (HEADER + "5.0,A,B,C\n", "; a spreadsheet may have changed the id"),
        (HEADER + "9223372036854775808,A,B,C\n", "; the id is too large"),
        (HEADER + '5,A,B,"C\n6,A,B,D\n7,A,B,E\n', "the double quote on line 2 is not closed"),
        (
            HEADER + '5,A,B,"C\n6,A,B,D\n7,A,B,E"\n',
            "line 3 looks like a row, but lies inside a text whose double quote",
        ),
        (HEADER + '5,"A,B,C\n6,A",B,C\n', "line 3 looks like a row, but lies inside a text whose double quote"),
        (HEADER + '5, "A",B,C\n', "line 2 has a space before a double quote; take the space out"),
        (HEADER + "5,A\0,B,C\n", "line 2 holds a zero byte"),
        (HEADER + "5,A,B,C\nx,A,B,C\n", "line 3 is"),
        (HEADER + "\u00b2,A,B,C\n", "line 2 is"),
        (HEADER + "5,A,B,C\n6,A,B,C\n5,A,B,C\n", "line 4 names category 5 a second time"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(read, text, words):
    with pytest.raises(DataError, match=r"names\.csv: ") as caught:
        read(text)
    assert words in str(caught.value)


def test_a_file_in_another_encoding_is_refused(read):
    with pytest.raises(DataError, match="cannot be read as a names file: line 2 is not UTF-8"):
        read(HEADER + "5,\u00c2GE,B,C\n", "latin-1")
