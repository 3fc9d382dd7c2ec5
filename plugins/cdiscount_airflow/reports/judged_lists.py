"""The lists of suspects that reports hold, and how far people are through them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdiscount_airflow.reports.files import find_file
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.fix_rows import FIX_COLUMNS, KIND, VERDICT, Classes
from cdiscount_tasks.labelling.judging import NEW_FILE, Card, Choice, read_choices
from cdiscount_tasks.pages.parts.gallery import ShownProduct
from cdiscount_tasks.pages.parts.words import ClassName
from cdiscount_tasks.tables.csv_text import CsvTable, parse_csv
from cdiscount_tasks.tables.fixes_file import read_bytes

LIST_FILE = "suspects.json"
_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SuspectList:
    """A report's list of suspects.

    Attributes:
        key: Names the list.
        cards: Its rows, in order; nothing marks those that were drawn at random.
        products: The same with their pictures.
        names: Of the sample's categories, by id, in order.
        no_pictures: Why there are none, as a sentence.
    """

    key: str
    cards: tuple[Card, ...]
    products: tuple[ShownProduct, ...]
    names: dict[int, ClassName]
    no_pictures: str | None

    @property
    def classes(self) -> Classes:
        """Return the categories that a verdict may name."""
        return Classes(self.names.keys(), (), {number: (name.full,) for number, name in self.names.items()})


def _list_of(said: dict[str, Any]) -> SuspectList:
    names = {one["category_id"]: ClassName(one["name"], one["name"], one["category_id"]) for one in said["classes"]}
    return SuspectList(
        key=said["list"],
        cards=tuple(
            Card(row["product_id"], row["category_id"], row["suggested_category_id"], row["reason"])
            for row in said["rows"]
        ),
        products=tuple(
            ShownProduct(row["product_id"], row["category_id"], tuple(row["pictures"]), row["num_left_out"])
            for row in said["rows"]
        ),
        names=names,
        no_pictures=said["no_pictures"],
    )


def find_list(reports_dir: Path, sample: str, folder: str) -> SuspectList | None:
    """Return a report's list; None: the report, or a list in it, is missing.

    Raises:
        DataError: If it cannot be read.
    """
    file = find_file(reports_dir, sample, folder, LIST_FILE)
    if file is None:
        return None
    try:
        said = json.loads(file.path.read_bytes())
        if said["schema_version"] != _SCHEMA_VERSION:
            raise DataError(f"{file.path} was written by a different version of this project; trigger a new run")
        return _list_of(said)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file.path} cannot be read; trigger a new run") from error


def parse_fixes(data: bytes | None, path: Path) -> CsvTable:
    """Read the bytes of a fixes file; None: it is missing, and has no row yet."""
    return NEW_FILE if data is None else parse_csv(data, path, FIX_COLUMNS, KIND, [VERDICT])


def choices_in(data: bytes | None, path: Path, found: SuspectList) -> dict[int, Choice]:
    """Return what a fixes file says of a list's products.

    Raises:
        DataError: If the next run would refuse the file; names the line.
    """
    return read_choices(parse_fixes(data, path), path, found.cards, found.classes)


@dataclass(frozen=True)
class Progress:
    """How far people are through the list of a run's report; `fault` says why that is not known."""

    folder: str
    key: str
    num_listed: int
    num_looked_at: int
    fault: str | None = None


def progress_of(reports_dir: Path, sample: str, folder: str, fixes_path: Path) -> Progress | None:
    """Tell how far people are through a report's list; None: it has none."""
    try:
        found = find_list(reports_dir, sample, folder)
    except DataError as error:
        return Progress(folder, "", 0, 0, str(error))
    if found is None:
        return None
    try:
        done = len(choices_in(read_bytes(fixes_path), fixes_path, found))
    except DataError as error:
        return Progress(folder, found.key, len(found.cards), 0, str(error))
    return Progress(folder, found.key, len(found.cards), done)
