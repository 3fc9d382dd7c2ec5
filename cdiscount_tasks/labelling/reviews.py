"""What people found in a list of suspects: the rows that they left in the fixes file, and those that they took out."""

from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.labelling.csv_rows import read_csv_rows
from cdiscount_tasks.labelling.rules import FIX_COLUMNS
from cdiscount_tasks.records import LIST_NAMED


def read_fixes_of_lists(path: Path) -> pd.DataFrame:
    """Read the fixes that came from a list of suspects.

    Args:
        path: People's fixes, as `read_fixes` accepts them.

    Returns:
        Text columns product_id ("": the row names its list and fixes nothing), category_id ("": to be learnt from no
        more) and list, the key of the list's audit.

    Raises:
        DataError: If the file cannot be read.
    """
    fixes = read_csv_rows(path, FIX_COLUMNS, "fixes")
    fixes["list"] = fixes["reason"].str.extract(LIST_NAMED, expand=False)
    return fixes.dropna(subset=["list"])[["product_id", "category_id", "list"]]


def found_wrong(listed: pd.DataFrame, fixes: pd.DataFrame) -> np.ndarray:
    """Tell which rows of a list people found to be wrong: those that they kept, but for a confirmed category.

    Args:
        listed: Columns product_id, category_id (the catalogue's); the rows of one list.
        fixes: Columns product_id, category_id, as text: the fixes that came from it.

    Returns:
        bool, [number of listed rows].
    """
    said = {
        int(product): int(category) if category else None
        for product, category in zip(fixes["product_id"], fixes["category_id"], strict=True)
        if product
    }
    given = zip(listed["product_id"], listed["category_id"], strict=True)
    return np.array([said.get(product, category) != category for product, category in given], bool)
