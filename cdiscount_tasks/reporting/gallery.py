"""Pictures on the page: which products are shown, and their pictures as data URIs within a budget."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

NUM_MISTAKES = 24
PICTURE_BUDGET_BYTES = 3_000_000
"""As base64 a third more: with it the page stays under 5 MB. 24 products of the catalogue need about 0.3 MB."""


@dataclass(frozen=True)
class Mistake:
    """A product that was taken for another class."""

    product_id: int
    class_index: int
    predicted: int
    probability: float
    probability_of_label: float
    conflicted: bool
    pictures: tuple[str, ...]
    num_left_out: int


def choose_mistakes(products: pd.DataFrame, num_mistakes: int = NUM_MISTAKES) -> pd.DataFrame:
    """Choose the most confident mistakes, one of each group: products with the same picture would show the same thing.

    Args:
        products: A row per product: product_id, group_id, class_index, predicted, probability (of the predicted class).
        num_mistakes: At most so many.
    """
    mistakes = products[products["class_index"] != products["predicted"]]
    ordered = mistakes.sort_values(["probability", "product_id"], ascending=[False, True])
    return ordered.drop_duplicates("group_id").head(num_mistakes)


def _data_uri(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}"


def show_mistakes(
    chosen: pd.DataFrame, pictures: Mapping[int, Sequence[bytes]], budget_bytes: int = PICTURE_BUDGET_BYTES
) -> list[Mistake]:
    """Join the chosen products with their pictures; what the budget does not hold is left out and counted.

    Args:
        chosen: What `choose_mistakes` chose, with probability_of_label and conflicted.
        pictures: The JPEG bytes of each product's pictures, in order.
        budget_bytes: Of all pictures together.
    """
    shown, left_bytes = [], budget_bytes
    for row in chosen.to_dict("records"):
        uris = []
        product_pictures = pictures.get(int(row["product_id"]), ())
        for picture in product_pictures:
            if len(picture) <= left_bytes:
                left_bytes -= len(picture)
                uris.append(_data_uri(picture))
        shown.append(
            Mistake(
                product_id=int(row["product_id"]),
                class_index=int(row["class_index"]),
                predicted=int(row["predicted"]),
                probability=float(row["probability"]),
                probability_of_label=float(row["probability_of_label"]),
                conflicted=bool(row["conflicted"]),
                pictures=tuple(uris),
                num_left_out=len(product_pictures) - len(uris),
            )
        )
    return shown


@dataclass(frozen=True)
class ShownProduct:
    """A product with its pictures; None stands for one that cannot be shown."""

    product_id: int
    category_id: int | None
    pictures: tuple[str | None, ...]
    num_left_out: int


class PictureShelf:
    """Takes pictures up to a budget of bytes, as data URIs; the page's galleries share one."""

    def __init__(self, budget_bytes: int = PICTURE_BUDGET_BYTES) -> None:
        """Start with the whole budget."""
        self._left_bytes = budget_bytes

    def take(self, picture: bytes) -> str | None:
        """Return a picture as data URI; None if there is no room left for it."""
        if len(picture) > self._left_bytes:
            return None
        self._left_bytes -= len(picture)
        return _data_uri(picture)

    def show(self, product_id: int, category_id: int | None, pictures: Sequence[bytes | None]) -> ShownProduct:
        """Take all pictures of a product that there is room for.

        Args:
            product_id: The product.
            category_id: Its category.
            pictures: In order; None for one that does not decode.
        """
        taken = [(picture, None if picture is None else self.take(picture)) for picture in pictures]
        shown = tuple(uri for picture, uri in taken if picture is None or uri is not None)
        return ShownProduct(product_id, category_id, shown, len(pictures) - len(shown))
