"""Pictures on a page as data URIs, within a budget."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

PICTURE_BUDGET_BYTES = 3_000_000
"""As base64 a third more: with it the page stays under 5 MB."""


def _data_uri(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}"


@dataclass(frozen=True)
class ShownProduct:
    """A product with its pictures; None: a picture that cannot be shown."""

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
