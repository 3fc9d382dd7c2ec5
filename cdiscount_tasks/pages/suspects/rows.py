"""Label suspects: the ten that the report shows, and the list that a person goes through."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.pages.parts.words import class_names
from cdiscount_tasks.vocabulary import LISTED_REASON, NOT_LOOKED_AT

NUM_SHOWN = 10
COLUMNS = ("product_id", "verdict", "category_id", "reason")
"""Those of a fixes file; `verdict` is empty: not looked at."""

_LISTED_COLUMNS = ["product_id", "category_id", "suggested_category_id", "score"]
_PICTURE_BUDGET_BYTES = 400_000


@dataclass(frozen=True)
class Suspect:
    """A product whose category others contradict."""

    product: ShownProduct
    category_id: int
    suggested_category_id: int
    probability_of_category: float
    probability_of_suggestion: float
    conflicted: bool
    split: str


def choose_suspects(rows: pd.DataFrame) -> pd.DataFrame:
    """Choose the most suspect products of the list, one of each group: products with one picture show the same thing.

    Args:
        rows: suspects.parquet, the most suspect first.
    """
    return rows[rows["listed"] == "suspect"].drop_duplicates("group_id").head(NUM_SHOWN)


def show_suspects(chosen: pd.DataFrame, pictures: Mapping[int, Sequence[bytes | None]]) -> list[Suspect]:
    """Join the chosen products with their pictures.

    Args:
        chosen: What `choose_suspects` chose.
        pictures: The JPEG bytes of each product's pictures, in order; None for one that does not decode.
    """
    shelf = PictureShelf(_PICTURE_BUDGET_BYTES)
    return [
        Suspect(
            product=shelf.show(row["product_id"], row["category_id"], pictures.get(row["product_id"], ())),
            category_id=int(row["category_id"]),
            suggested_category_id=int(row["suggested_category_id"]),
            probability_of_category=float(row["probability_of_category"]),
            probability_of_suggestion=float(row["probability_of_suggestion"]),
            conflicted=bool(row["conflicted"]),
            split=str(row["split"]),
        )
        for row in chosen.to_dict("records")
    ]


def listed_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a person is asked to look at, by product_id: an order that shows nothing about them.

    Args:
        rows: suspects.parquet.
    """
    return rows[rows["listed"] != ""].sort_values("product_id", ignore_index=True)


@dataclass(frozen=True)
class ListRow:
    """A row of the list: a product, its two categories by id, and the reason."""

    product_id: int
    category_id: int
    suggested_category_id: int
    reason: str


def list_rows(rows: pd.DataFrame, classes: pd.DataFrame, key: str) -> list[ListRow]:
    """Return the rows of the list, by product_id and all worded alike: suspects.parquet alone says which are random.

    Args:
        rows: suspects.parquet.
        classes: classes.parquet.
        key: Of the audit; the reasons name it, so that what a person says of its rows can be counted.
    """
    pairs = classes[["level3", "category_id"]].itertuples(index=False)
    named = class_names([{"level3": name, "category_id": number} for name, number in pairs])
    names = {name.category_id: name.short.removesuffix(f" ({name.category_id})") for name in named}
    return [
        ListRow(
            product_id,
            given,
            suggested,
            LISTED_REASON.format(
                given=names[given],
                given_id=given,
                suggested=names[suggested],
                suggested_id=suggested,
                score=score,
                key=key,
            ),
        )
        for product_id, given, suggested, score in listed_rows(rows)[_LISTED_COLUMNS].to_numpy().tolist()
    ]


def write_list(rows: Sequence[ListRow]) -> str:
    """Write the list of suspects as a fixes file in which nothing has been looked at, and so nothing is fixed.

    Args:
        rows: Of the list.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row.product_id, NOT_LOOKED_AT, row.suggested_category_id, row.reason] for row in rows)
    return text.getvalue()
