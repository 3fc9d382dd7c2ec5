"""What label fixing refuses on the way, collected as rows of `rejected.parquet`."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cdiscount_tasks.tables.schemas import REJECTED
from cdiscount_tasks.vocabulary import Reason


class Rejections:
    """Collects what is refused on the way, as rows of rejected.parquet."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, keys: pd.DataFrame, reasons: Reason | Sequence[Reason], details: str | Sequence[str]) -> None:
        """Refuse images (columns product_id, image_number) or products (product_id alone).

        Args:
            keys: A row an image or product.
            reasons: One for all of them, or one each.
            details: One for all of them, or one each.
        """
        why = [reasons] * len(keys) if isinstance(reasons, Reason) else reasons
        why_so = [details] * len(keys) if isinstance(details, str) else details
        for row, reason, detail in zip(keys.to_dict("records"), why, why_so, strict=True):
            number = row.get("image_number")
            self.rows.append(
                {
                    "stage": "labels",
                    "byte_offset": None,
                    "byte_length": None,
                    "product_id": int(row["product_id"]),
                    "image_number": None if number is None else int(number),
                    "reason": str(reason),
                    "detail": detail,
                }
            )

    def columns(self) -> dict[str, list[Any]]:
        """Return the columns of rejected.parquet."""
        return {name: [row[name] for row in self.rows] for name in REJECTED.names}

    def counts(self, images: bool) -> dict[str, int]:
        """Count the refused images, or products, by reason."""
        reasons = [row["reason"] for row in self.rows if (row["image_number"] is not None) == images]
        return {reason: reasons.count(reason) for reason in sorted(set(reasons))}
