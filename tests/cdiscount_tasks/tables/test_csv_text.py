import os
import random

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.csv_text import CsvRow, format_csv, id_hint, is_whole_number, parse_csv, read_csv
from cdiscount_tasks.tables.fixes_file import read_bytes

COLUMNS = ["id", "name"]


def parse(text, tmp_path, encoding="utf-8"):
    return parse_csv(text.encode(encoding), tmp_path / "f.csv", COLUMNS, "trial")


def rows(table):
    return [(row.line, row.fields) for row in table.rows]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_separators_line_ends_and_byte_order_marks_of_spreadsheets(tmp_path, separator, end, start):
    text = start + end.join([f"id{separator}name", f'1{separator}"a, b; c"', "", f"2{separator}d", ""])
    assert rows(parse(text, tmp_path)) == [(2, ["1", "a, b; c"]), (4, ["2", "d"])]


def test_the_line_by_which_excel_names_the_separator_is_counted_and_kept(tmp_path):
    data = b"sep=;\r\nid;name\r\n1;a,b\r\n"
    table = parse_csv(data, tmp_path, COLUMNS, "trial")
    assert rows(table) == [(3, ["1", "a,b"])]
    assert format_csv(table) == data


def test_rows_that_a_spreadsheet_left_empty_are_no_rows(tmp_path):
    assert rows(parse("id;name\n;\n1;a\n ; \n", tmp_path)) == [(3, ["1", "a"])]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first line is empty"),
        ("id,other\n", "line 1 lacks the column name, expected id, name, found id, other"),
        ("id:name\n", "fields are separated by commas, semicolons or tabs"),
        ("id,name,id\n", "line 1 names the column id twice"),
        ("id,name\n1,a\n2\n", "line 3 has 1 field, expected 2"),
        ("id;name\n1;a;b\n", "line 2 has 3 fields, expected 2; put text that holds a semicolon in double quotes"),
        ("id,name\n1,a\0b\n", "line 2 holds a zero byte"),
        ('id,name\n1,a\n2,"b\n3,c\n4,d\n', "the double quote on line 3 is not closed"),
        ('id,name\n1,a\n2,"b\n3,c\n4,"d"\n5,e\n', "the double quote on line 3 is not closed"),
        ('id,name\n1,"a\n2,b\n3,c"\n4,d\n', "line 3 looks like a row, but lies inside a text whose double quote opens"),
        ('id,name\n1,"\n2,"\n3,c\n', "line 3 looks like a row, but lies inside a text whose double quote opens"),
        ('id,name\n1, ""\n', "line 2 has a space before a double quote"),
        ('id,name\n1,"a"\n2, "b"\n', "line 3 has a space before a double quote; take the space out"),
        ('id,name,n\n1,"a\n2,b",3\n', "line 3 looks like a row, but lies inside a text whose double quote opens"),
        ('id,name\n"1,a\n2,b\n', "the double quote on line 2 is not closed"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path, text, words):
    with pytest.raises(DataError, match=r"f\.csv: ") as caught:
        parse(text, tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("cp1252", "line 3 is not UTF-8 (byte 0xe9); save it as UTF-8 (in Excel: CSV UTF-8)"), ("utf-16", "it is UTF-16")],
)
def test_another_encoding_is_refused_with_the_way_out(tmp_path, encoding, words):
    with pytest.raises(DataError) as caught:
        parse("id;name\n1;a\n2;\u00e9t\u00e9\n", tmp_path, encoding)
    assert words in str(caught.value)


def test_a_text_of_several_lines_in_quotes_is_one_field(tmp_path):
    assert rows(parse('id,name\n1,"two\nlines"\n2,b\n', tmp_path)) == [(2, ["1", "two\nlines"]), (4, ["2", "b"])]


def test_only_line_ends_count_as_lines_inside_a_quoted_text(tmp_path):
    text = 'id,name\n1,"two\x0b\x85\u2028\nlines"\n2,b\n3,c\n'
    assert [line for line, _ in rows(parse(text, tmp_path))] == [2, 4, 5]


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(DataError, match="cannot be read as a trial file"):
            read_csv(path, COLUMNS, "trial")


def test_what_is_written_reads_back_whatever_the_fields_hold(tmp_path):
    rng = random.Random(0)
    for _ in range(300):
        separator, end = rng.choice(",;\t"), rng.choice(["\n", "\r\n"])
        fields = [
            ["".join(rng.choice('a",;\t é') for _ in range(rng.randrange(6))) + "x" for _ in COLUMNS] for _ in range(5)
        ]
        empty = parse(f"id{separator}name{end}", tmp_path)
        table = empty._replace(
            rows=[CsvRow(line, row) for line, row in enumerate(fields, start=2)], has_bom=rng.random() < 0.5
        )
        assert parse_csv(format_csv(table), tmp_path, COLUMNS, "trial") == table


def test_one_stray_quote_anywhere_never_loses_a_row_in_silence(tmp_path):
    text = "id,name\n" + "".join(f"{number},name {number}\n" for number in range(10))
    num_refused = 0
    for place in range(8, len(text)):
        broken = text[:place] + '"' + text[place:]
        try:
            table = parse(broken, tmp_path)
        except DataError:
            num_refused += 1
        else:
            assert len(table.rows) == 10
    assert num_refused > 0


@pytest.mark.parametrize(
    ("text", "is_id", "hint"),
    [
        ("-1", True, ""), ("0", True, ""), ("9223372036854775807", True, ""), ("-9223372036854775808", True, ""),
        ("011", False, "write 11"), ("-0", False, "write 0"), ("+5", False, "write 5"),
        ("9223372036854775808", False, "too large"),
        ("1e9", False, "a spreadsheet"), ("5.0", False, "a spreadsheet"), ("1_000", False, ""), ("\u0665", False, ""),
        ("", False, ""), ("-", False, ""), ("5 6", False, ""),
    ],
)  # fmt: skip
def test_an_id_is_a_whole_number_of_64_bits_written_in_one_way(text, is_id, hint):
    assert is_whole_number(text) is is_id
    assert bool(id_hint(text)) is bool(hint) or is_id
    assert hint in id_hint(text) or is_id


@pytest.mark.parametrize("start", ["2,6", '"2",6', " 2 ,6", "-2;"])
def test_a_short_row_that_an_unclosed_quote_swallowed_is_told(tmp_path, start):
    with pytest.raises(DataError, match="line 3 looks like a row, but lies inside a text"):
        parse_csv(
            f'id,name,n\n1,5,"a\n{start.replace(chr(34), chr(34) * 2)}"\n3,5,c\n'.encode(), tmp_path, COLUMNS, "t"
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,name\n1\n", "line 2 has 1 field, expected 2; a field that is empty needs its comma too"),
        (f"id,name\n1,{'x' * 140_000}\n", "line 2 has a field of more than 131,072 characters; shorten it"),
    ],
)
def test_the_way_out_fits_the_fault(tmp_path, text, words):
    with pytest.raises(DataError) as caught:
        parse(text, tmp_path)
    assert words in str(caught.value)
    assert "quote" not in str(caught.value)


def test_utf_32_is_called_so(tmp_path):
    for encoding in ("utf-32", "utf-32-be"):
        with pytest.raises(DataError, match="it is UTF-32"):
            parse("\ufeff" * (encoding != "utf-32") + "id,name\n", tmp_path, encoding)


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_what_is_no_file_of_sane_size_is_refused_unread(tmp_path, kind):
    path = tmp_path / "f.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(2**31)
    words = "it has 2,147,483,648 bytes, expected at most" if kind == "huge" else "it is a pipe or a device"
    with pytest.raises(DataError, match=words):
        read_csv(path, COLUMNS, "trial")
    with pytest.raises(DataError, match=words):
        read_bytes(path)


def test_an_id_that_is_right_has_no_hint():
    assert id_hint("1") == id_hint("-5") == ""
