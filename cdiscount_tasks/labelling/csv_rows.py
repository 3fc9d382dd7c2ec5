"""CSV files that people write, read strictly: every row knows its line, so that a fault can be told with its place."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cdiscount_tasks.errors import DataError

_INT64 = range(-(2**63), 2**63)


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str], kind: str) -> None:
    if not header:
        raise DataError(f"{path}: cannot be read as a {kind} file: its first line is empty")
    twice = [name for place, name in enumerate(header) if name and name in header[:place]]
    if twice:
        raise DataError(f"{path}: line 1 names the column {twice[0]} twice; leave one of them")
    missing = [name for name in columns if name not in header]
    if missing:
        other_separator = any(mark in name for name in header for mark in ";\t")
        hint = "; fields are separated by commas" if other_separator else ""
        raise DataError(f"{path}: line 1 lacks the column {missing[0]}, expected {', '.join(columns)}{hint}")


def read_csv_rows(path: Path, columns: Sequence[str], kind: str) -> pd.DataFrame:
    """Read the named columns as text, without the spaces around it; empty lines are skipped.

    Args:
        path: UTF-8, with or without a byte order mark; the first line names the columns, others may stand among them.
        columns: What must be there.
        kind: What the file is, for messages.

    Returns:
        The columns as text, and `line`: where each row begins, counted from 1.

    Raises:
        DataError: If the file cannot be read, lacks a column or has one twice, or a row has more or fewer fields than
            the first line.
    """
    rows = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header, columns, kind)
            line = reader.line_num + 1
            for row in reader:
                if row and len(row) != len(header):
                    raise DataError(
                        f"{path}: line {line} has {len(row)} field{'s' if len(row) > 1 else ''}, expected "
                        f"{len(header)}; put text that holds a comma in double quotes"
                    )
                if row:
                    named = dict(zip(header, row, strict=True))
                    rows.append([*(named[name].strip() for name in columns), line])
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as a {kind} file: {error}; save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a {kind} file: {error}") from error
    return pd.DataFrame(rows, columns=[*columns, "line"]).astype(dict.fromkeys(columns, object))


def is_whole_number(text: str) -> bool:
    """Tell whether a text is a number that an id of 64 bits can be."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) < 20 and int(text) in _INT64
