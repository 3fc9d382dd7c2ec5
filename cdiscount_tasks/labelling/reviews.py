"""What people found in lists of suspects: verdicts in the fixes file, and rows of older lists, which had none."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.labelling.fix_rows import FIX_COLUMNS, KIND, VERDICT, fix_rows
from cdiscount_tasks.tables.csv_text import is_whole_number, read_csv
from cdiscount_tasks.vocabulary import CATALOGUE_RIGHT, LIST_NAMED, UNSURE


class Judgements(NamedTuple):
    """What a fixes file says of lists.

    Attributes:
        verdicts: By product_id, of all that a person looked at in a list: its verdict and the text of its category.
        lists: The lists that rows name, by key: judged by verdict, or older.
        num_kept: By key of an older list, how many of its rows the file still has. Of the others nobody can tell
            whether a person found them right or never looked at them.
    """

    verdicts: Mapping[int, tuple[str, str]]
    lists: Collection[str]
    num_kept: Mapping[str, int]


class Outcome(NamedTuple):
    """What people found in a list, row by row: bool, [number of listed rows]. An unsure row is not wrong."""

    looked_at: npt.NDArray[np.bool_]
    unsure: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]


def read_judgements(path: Path | None) -> Judgements:
    """Read what people found in lists.

    Args:
        path: People's fixes, as `read_fixes` accepts them; None: there are none.

    Raises:
        DataError: If the file cannot be read.
    """
    if path is None:
        return Judgements({}, [], {})
    table = read_csv(path, FIX_COLUMNS, KIND, [VERDICT])
    rows = fix_rows(table, path)
    verdicts = {row.product_id: (row.verdict or "", row.category) for row in rows if row.is_judgement}
    # Among them those that a row without a product names, as the first row of older lists did.
    named = {key for row in table.rows for key in LIST_NAMED.findall(table.named(row)["reason"])}
    by_verdict = {row.list_key for row in rows if row.list_key and row.needs_verdict}
    kept = Counter(row.list_key for row in rows)
    return Judgements(verdicts, sorted(named), {key: kept[key] for key in sorted(named - by_verdict)})


def judge_rows(listed: pd.DataFrame, judgements: Judgements) -> Outcome:
    """Tell what people found in the rows of a list.

    Args:
        listed: Columns product_id, category_id (the catalogue's).
        judgements: What the fixes file says.
    """
    said = [judgements.verdicts.get(product_id) for product_id in listed["product_id"].tolist()]

    def is_wrong(one: tuple[str, str] | None, given: int) -> bool:
        if one is None or one[0] in (CATALOGUE_RIGHT, UNSURE):
            return False
        return not (is_whole_number(one[1]) and int(one[1]) == given)

    wrong = [is_wrong(one, given) for one, given in zip(said, listed["category_id"].tolist(), strict=True)]
    return Outcome(
        np.array([one is not None for one in said], bool),
        np.array([one is not None and one[0] == UNSURE for one in said], bool),
        np.array(wrong, bool),
    )
