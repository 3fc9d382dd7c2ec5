"""The names CSV: what each category is called at three levels. Names are for people; the key is always the id."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import DataError

COLUMNS = ["category_id", "category_level1", "category_level2", "category_level3"]


class CategoryName(NamedTuple):
    """A category's names, from the widest to the narrowest, without the trailing spaces that some carry."""

    level1: str
    level2: str
    level3: str


class CategoryNames:
    """Names by id; a category that the CSV lacks carries its id as name."""

    def __init__(self, names: Mapping[int, CategoryName]) -> None:
        """Hold the names that a CSV gave."""
        self._names = names

    def __getitem__(self, category_id: int) -> CategoryName:
        """Return a category's names, or its id three times."""
        return self._names.get(category_id) or CategoryName(*[str(category_id)] * 3)

    def ids_of(self, level: int, name: str) -> list[int]:
        """Return the ids, ascending, of the categories that carry a name at a level (1 to 3)."""
        return sorted(i for i, names in self._names.items() if names[level - 1] == name.strip())


def read_category_names(path: Path | None) -> CategoryNames:
    """Read a names CSV in the layout of Kaggle's `category_names.csv`; None: no names.

    Raises:
        DataError: If the file cannot be read, or has other columns, an id that is none, or one twice; names the line.
    """
    if path is None:
        return CategoryNames({})
    names: dict[int, CategoryName] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if header != COLUMNS:
                raise DataError(f"{path}: line 1 has the columns {header}, expected {COLUMNS}")
            for row in reader:
                if len(row) != len(COLUMNS) or not row[0].strip().isdecimal():
                    raise DataError(f"{path}: line {reader.line_num} is {row}, expected an id and three names")
                category_id = int(row[0])
                if category_id in names:
                    raise DataError(f"{path}: line {reader.line_num} names category {category_id} a second time")
                names[category_id] = CategoryName(*(name.strip() for name in row[1:]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a names CSV: {error}") from error
    return CategoryNames(names)
