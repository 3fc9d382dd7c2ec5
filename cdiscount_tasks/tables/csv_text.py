"""CSV text that people and spreadsheets write, read strictly: every row knows its line, and no row is lost unsaid."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.files import read_input
from cdiscount_tasks.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""What may stand between two fields. A French Excel writes semicolons."""

_LONGEST_SHOWN = 100
_INT64 = range(-(2**63), 2**63)
_LINE_END = re.compile("\r\n|\r|\n")
_ID = re.compile(r"0|-?[1-9][0-9]{0,18}")
_BEGINS_A_ROW = re.compile(r'[\s"]*-?[0-9]+[\s"]*[,;\t]')
"""As each row does: with an id and a separator."""
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?\r?\n?', re.IGNORECASE)
"""Excel's own first line, which names the separator and holds no data."""


class CsvRow(NamedTuple):
    """A row, its fields as they are in the file, and the line on which it begins, counted from 1."""

    line: int
    fields: list[str]


class CsvTable(NamedTuple):
    """A CSV file.

    Attributes:
        header: The names of the columns, without spaces around them.
        header_line: The line that names them: 1, or 2 where `sep=;` comes first.
        rows: Each with as many fields as the header; rows without any text are left out.
        separator: One of SEPARATORS.
        has_bom: Whether the file begins with a byte order mark, by which Excel knows UTF-8.
        line_end: As the header's line ends.
    """

    header: list[str]
    header_line: int
    rows: list[CsvRow]
    separator: str
    has_bom: bool
    line_end: str

    def named(self, row: CsvRow) -> dict[str, str]:
        """Return a row's fields by column, without the spaces around them."""
        return {name: field.strip() for name, field in zip(self.header, row.fields, strict=True)}


def is_whole_number(text: str) -> bool:
    """Tell whether a text is an id: a whole number of 64 bits, as a sample's YAML writes it too (011 is none)."""
    return _ID.fullmatch(text) is not None and int(text) in _INT64


def id_hint(text: str) -> str:
    """Say how a text that is no id would be written, after a semicolon; empty where it is one or cannot be guessed."""
    if is_whole_number(text):
        return ""
    if re.fullmatch(r"[-+]?0*[0-9]{1,19}", text):
        return (
            f"; write {int(text)}, without plus and leading zeros" if int(text) in _INT64 else "; the id is too large"
        )
    if re.fullmatch(r"[-+]?[0-9]+([.,][0-9]*)?([eE][-+]?[0-9]+)?", text):
        return "; a spreadsheet may have changed the id: show the column as whole numbers, and save the file again"
    return ""


def _decode(data: bytes, path: Path, kind: str) -> str:
    """Return the text of a UTF-8 file, without its byte order mark."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        found = "UTF-32" if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) else "UTF-16"
        raise DataError(
            f"{path}: cannot be read as a {kind} file: it is {found}; save it as UTF-8 (in Excel: CSV UTF-8)"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: cannot be read as a {kind} file: line {line} is not UTF-8 (byte 0x{data[error.start]:02x}); "
            "save it as UTF-8 (in Excel: CSV UTF-8)"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{path}: cannot be read as a {kind} file: line {line} holds a zero byte; save it as plain text"
        )
    return text


def _check_header(path: Path, table: CsvTable, columns: Sequence[str], optional: Sequence[str]) -> None:
    header, line = table.header, table.header_line
    twice = [name for place, name in enumerate(header) if name and name in header[:place]]
    if twice:
        raise DataError(f"{path}: line {line} names the column {twice[0]} twice; leave one of them")
    missing = [name for name in columns if name not in header]
    if missing:
        other = next((mark for mark in ":|" if any(mark in name for name in header)), None)
        hint = "; fields are separated by commas, semicolons or tabs" if other else ""
        found = ", ".join(name or "an empty name" for name in header)
        found = found if len(found) <= _LONGEST_SHOWN else f"{found[:_LONGEST_SHOWN]}..."
        expected = ", ".join([*columns, *(f"{name} (optional)" for name in optional)])
        raise DataError(f"{path}: line {line} lacks the column {missing[0]}, expected {expected}, found {found}{hint}")


def _choose_separator(first_line: str, columns: Sequence[str]) -> str:
    """Return the separator by which the first line names the most of the wanted columns; a comma where none does so."""

    def num_named(separator: str) -> int:
        names = {name.strip().strip('"').strip() for name in first_line.split(separator)}
        return len(names & set(columns))

    return max(SEPARATORS, key=num_named)


def _quote_line(text: str, separator: str, line: int) -> int | None:
    """Return the line of the quote that opens the last field that a quote opens in a text, None where none does."""
    opened, is_open, at_start = None, False, True
    place = 0
    while place < len(text):
        mark = text[place]
        if is_open and mark == '"':
            if text[place + 1 : place + 2] == '"':
                place += 1
            else:
                is_open = False
                if text[place + 1 : place + 2] not in ("", separator, "\r", "\n"):
                    return opened
        elif not is_open and mark == '"' and at_start:
            opened, is_open = line, True
        line += mark == "\n"
        at_start = not is_open and mark in (separator, "\n")
        place += 1
    return opened


def _swallowed_line(row: CsvRow, separator: str, lines: Sequence[str], first: int) -> int | None:
    """Return the first line that lies inside a quoted field of a row and looks like a row itself.

    Args:
        row: As it was read.
        separator: Between fields.
        lines: Of the file.
        first: The place of the row's first among them.
    """
    num_inside = sum(len(_LINE_END.findall(field)) for field in row.fields)
    for number, line in enumerate(lines[first + 1 : first + num_inside + 1], start=1):
        if line.count(separator) >= max(1, len(row.fields) - 1) or _BEGINS_A_ROW.match(line):
            return row.line + number
    return None


def _spaced_quote(row: CsvRow, separator: str, line: str) -> bool:
    """Tell whether a space is before the quote that was to open a field: the quotes would become part of the text."""
    if not any(field[:1] == " " and field.lstrip()[:1] == '"' for field in row.fields):
        return False
    return re.search(rf'(^|{separator}) +"("?\s*({separator}|$)|(?!"))', line) is not None


def _rows(path: Path, text: str, separator: str, kind: str, line: int) -> list[CsvRow]:
    """Read all rows, the header's among them.

    Args:
        path: For messages.
        text: Of the file from the header on.
        separator: Between fields.
        kind: For messages.
        line: The header's.
    """
    first, rows = line, []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for fields in reader:
            if any(field.strip() for field in fields) or line == first:
                rows.append(CsvRow(line, fields))
            line = first + reader.line_num
    except csv.Error as error:
        rest = "".join(list(io.StringIO(text, newline=""))[line - first :])
        quote = _quote_line(rest, separator, line)
        is_long = "field larger than field limit" in str(error)
        if quote:
            what = f"the double quote on line {quote} is not closed where its field ends ({error}); close it, or take "
            what += "it out (a quote inside a quoted text is written twice)"
        elif is_long:
            what = f"line {line} has a field of more than {csv.field_size_limit():,} characters; shorten it"
        else:
            what = f"line {line} ({error}); save it as CSV again"
        raise DataError(f"{path}: cannot be read as a {kind} file: {what}") from error
    return rows


def _check_row(path: Path, row: CsvRow, table: CsvTable, lines: Sequence[str]) -> None:
    """Refuse a row that a quote or a missing separator has changed; `lines` are the table's, its header first."""
    place = row.line - table.header_line
    swallowed = _swallowed_line(row, table.separator, lines, place)
    if swallowed:
        raise DataError(
            f"{path}: line {swallowed} looks like a row, but lies inside a text whose double quote opens in the "
            f"row of line {row.line}; close that quote, or take it out"
        )
    if _spaced_quote(row, table.separator, lines[place]):
        raise DataError(f"{path}: line {row.line} has a space before a double quote; take the space out")
    num_fields, num_names = len(row.fields), len(table.header)
    if num_fields != num_names:
        mark = SEPARATORS[table.separator]
        way_out = (
            f"put text that holds a {mark} in double quotes"
            if num_fields > num_names
            else f"a field that is empty needs its {mark} too"
        )
        raise DataError(
            f"{path}: line {row.line} has {num_fields} field{'s' if num_fields > 1 else ''}, expected {num_names}; "
            f"{way_out}"
        )


def parse_csv(data: bytes, path: Path, columns: Sequence[str], kind: str, optional: Sequence[str] = ()) -> CsvTable:
    """Read the bytes of a CSV file.

    Args:
        data: UTF-8, with or without a byte order mark; separated by commas, semicolons or tabs.
        path: Where they come from, for messages.
        columns: What the header must name; other columns may be there too.
        kind: What the file is, for messages.
        optional: Columns that are read where the header names them, for messages.

    Raises:
        DataError: If the file cannot be read, lacks a column or has one twice, a row has more or fewer fields than the
            header, or a quote is not closed; names the line.
    """
    text = _decode(data, path, kind)
    named = _SEPARATOR_LINE.match(text)
    body = text[named.end() :] if named else text
    line = 2 if named else 1
    first_line = re.split("[\r\n]", body, maxsplit=1)[0]
    if not first_line.strip():
        raise DataError(f"{path}: cannot be read as a {kind} file: its first line is empty")
    separator = named.group(1) if named else _choose_separator(first_line, columns)
    header, *rows = _rows(path, body, separator, kind, line)
    line_end = "\r\n" if body[: len(first_line) + 2].endswith("\r\n") else "\n"
    names = [name.strip() for name in header.fields]
    table = CsvTable(names, line, rows, separator, data.startswith(codecs.BOM_UTF8), line_end)
    _check_header(path, table, columns, optional)
    lines = list(io.StringIO(body, newline=""))
    for row in rows:
        _check_row(path, row, table, lines)
    return table


def read_csv(path: Path, columns: Sequence[str], kind: str, optional: Sequence[str] = ()) -> CsvTable:
    """Read a CSV file; the arguments and faults are those of `parse_csv`."""
    try:
        data = read_input(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a {kind} file: {error.strerror or error}") from error
    return parse_csv(data, path, columns, kind, optional)


def format_csv(table: CsvTable) -> bytes:
    """Write a table as its file was: same separator, line ends and byte order mark."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=table.separator, lineterminator=table.line_end)
    if table.header_line > 1:
        text.write(f"sep={table.separator}{table.line_end}")
    writer.writerow(table.header)
    writer.writerows(row.fields for row in table.rows)
    return (codecs.BOM_UTF8 if table.has_bom else b"") + text.getvalue().encode("utf-8")
