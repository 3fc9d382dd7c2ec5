"""What the list of suspects is judged by: every row with its pictures, and nothing that shows its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import class_names
from cdiscount_tasks.pages.suspects.rows import ListRow

PICTURE_BUDGET_BYTES = 3_400_000
"""As base64 a third more: with it the page stays under 5 MB. The 250 rows of the longest list take 1 to 3 MB."""


@dataclass(frozen=True)
class ListedProduct:
    """A product to judge. What the audit found beyond its suggestion is left out: it would show its kind."""

    product: ShownProduct
    category_id: int
    suggested_category_id: int


def show_listed(listed: pd.DataFrame, pictures: Mapping[int, Sequence[bytes | None]]) -> list[ListedProduct]:
    """Join the listed products with their pictures: the first of every product before any second one.

    What PICTURE_BUDGET_BYTES does not hold is left out and counted.

    Args:
        listed: Columns product_id, category_id, suggested_category_id; in the order of label_suspects.csv.
        pictures: The JPEG bytes of each product's pictures, in order; None for one that does not decode.
    """
    shelf = PictureShelf(PICTURE_BUDGET_BYTES)
    rows = listed[["product_id", "category_id", "suggested_category_id"]].to_numpy().tolist()
    first = [shelf.show(product_id, given, pictures.get(product_id, ())[:1]) for product_id, given, _ in rows]
    others = [shelf.show(product_id, given, pictures.get(product_id, ())[1:]) for product_id, given, _ in rows]
    return [
        ListedProduct(
            ShownProduct(product_id, given, one.pictures + more.pictures, one.num_left_out + more.num_left_out),
            given,
            suggested,
        )
        for (product_id, given, suggested), one, more in zip(rows, first, others, strict=True)
    ]


def cards_to_judge(
    rows: Sequence[ListRow],
    listed: Sequence[ListedProduct],
    classes: Sequence[Mapping[str, Any]],
    key: str,
    no_pictures: str | None = None,
) -> dict[str, Any]:
    """Return what suspects.json holds: the list with its pictures, for those who judge it by clicking.

    Args:
        rows: Of the list.
        listed: The same products with their pictures.
        classes: What metrics.json says of the classes.
        key: Of the audit.
        no_pictures: Why there are none, as a sentence.
    """
    return {
        "schema_version": 1,
        "list": key,
        "classes": [{"category_id": name.category_id, "name": name.short} for name in class_names(classes)],
        "no_pictures": no_pictures,
        "rows": [
            {
                "product_id": row.product_id,
                "category_id": row.category_id,
                "suggested_category_id": row.suggested_category_id,
                "reason": row.reason,
                "pictures": list(one.product.pictures),
                "num_left_out": one.product.num_left_out,
            }
            for row, one in zip(rows, listed, strict=True)
        ],
    }


def render_suspects_page(
    metrics: Mapping[str, Any], listed: Sequence[ListedProduct], no_pictures: str | None = None
) -> str:
    """Make the page: one file, no script, no network.

    Args:
        metrics: What metrics.json holds.
        listed: In the order of label_suspects.csv.
        no_pictures: Why there are none, as a sentence.
    """
    return render_page(
        "suspects/page.html",
        metrics=metrics,
        listed=listed,
        name_of={name.category_id: name for name in class_names(metrics["classes"])},
        no_pictures=no_pictures,
    )
