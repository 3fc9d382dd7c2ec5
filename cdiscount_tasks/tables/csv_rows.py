"""CSV files that people write, as a data frame whose rows know their lines."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cdiscount_tasks.tables.csv_text import is_whole_number, read_csv

__all__ = ["is_whole_number", "read_csv_rows"]


def read_csv_rows(path: Path, columns: Sequence[str], kind: str) -> pd.DataFrame:
    """Read the named columns as text, without the spaces around it; empty lines are skipped.

    Args:
        path: UTF-8, with or without a byte order mark, separated by commas, semicolons or tabs; the first line names
            the columns, others may be among them.
        columns: What must be there.
        kind: What the file is, for messages.

    Returns:
        The columns as text, and `line`: where each row begins, counted from 1.

    Raises:
        DataError: If the file cannot be read, lacks a column or has one twice, a row has more or fewer fields than the
            first line, or a quote is not closed.
    """
    table = read_csv(path, columns, kind)
    places = [table.header.index(name) for name in columns]
    rows = [[*(row.fields[place].strip() for place in places), row.line] for row in table.rows]
    return pd.DataFrame(rows, columns=[*columns, "line"]).astype(dict.fromkeys(columns, object))
