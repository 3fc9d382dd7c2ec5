import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.storage.category_names import read_category_names

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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 has the columns"),
        ("id,a,b,c\n", "line 1 has the columns"),
        (HEADER + "5,VIN,ROUGE\n", "line 2 is"),
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
    with pytest.raises(DataError, match="cannot be read as a names CSV"):
        read(HEADER + "5,\u00c2GE,B,C\n", "latin-1")
