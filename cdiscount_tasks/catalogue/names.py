"""The names CSV: what each category is called at three levels. Names are for people; the key is always the id."""

import difflib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.csv_text import id_hint, is_whole_number, read_csv

COLUMNS = ["category_id", "category_level1", "category_level2", "category_level3"]


class CategoryName(NamedTuple):
    """A category's names, from the widest to the narrowest, without the trailing spaces that some carry."""

    level1: str
    level2: str
    level3: str


def _composed(name: str) -> str:
    """Return a name without spaces around it, its accents written as macOS and Windows write them."""
    return unicodedata.normalize("NFC", name.strip())


def _plain(name: str) -> str:
    """Return a name without accents, capitals and doubled spaces."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


class CategoryNames:
    """Names by id; a category that the CSV lacks carries its id as name."""

    def __init__(self, names: Mapping[int, CategoryName], *, is_given: bool = True) -> None:
        """Hold the names that a CSV gave, which may be none at all."""
        self._names = names
        self.is_given = is_given

    def __getitem__(self, category_id: int) -> CategoryName:
        """Return a category's names, or its id three times."""
        return self._names.get(category_id) or CategoryName(*[str(category_id)] * 3)

    def ids_of(self, level: int, name: str) -> list[int]:
        """Return the ids, ascending, of the categories that carry a name at a level (1 to 3)."""
        wanted = _composed(name)
        return sorted(i for i, names in self._names.items() if _composed(names[level - 1]) == wanted)

    def __contains__(self, category_id: int) -> bool:
        """Tell whether the CSV names a category."""
        return category_id in self._names

    def __len__(self) -> int:
        """Return how many categories have names."""
        return len(self._names)

    def close_to(self, level: int, name: str) -> list[str]:
        """Return up to three choices, such as `level2: VIN`, that a name of a level may be a slip of."""
        by_plain = {_plain(names[level - 1]): names[level - 1] for names in self._names.values()}
        close = difflib.get_close_matches(_plain(name), by_plain, n=3)
        found = [f"level{level}: {by_plain[plain]}" for plain in close]
        elsewhere = [
            f"level{other}: {name.strip()}" for other in (1, 2, 3) if other != level and self.ids_of(other, name)
        ]
        return [*elsewhere, *found][:3]


def read_category_names(path: Path | None) -> CategoryNames:
    """Read a names CSV in the layout of Kaggle's `category_names.csv`; None: no names.

    Raises:
        DataError: If the file cannot be read, lacks a column, or has a wrong id or one twice; names the line.
    """
    if path is None:
        return CategoryNames({}, is_given=False)
    table = read_csv(path, COLUMNS, "names")
    places = [table.header.index(column) for column in COLUMNS]
    names: dict[int, CategoryName] = {}
    for row in table.rows:
        text, *levels = (row.fields[place] for place in places)
        text = text.strip()
        if not is_whole_number(text):
            raise DataError(f"{path}: line {row.line} is {row.fields}, expected an id and three names{id_hint(text)}")
        category_id = int(text)
        if category_id in names:
            raise DataError(f"{path}: line {row.line} names category {category_id} a second time")
        names[category_id] = CategoryName(*(level.strip() for level in levels))
    return CategoryNames(names)
