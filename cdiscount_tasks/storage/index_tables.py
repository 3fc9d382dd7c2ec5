"""What scans found, as Arrow tables in the schemas of the index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cdiscount_tasks.records import Reason
from cdiscount_tasks.storage.arrow_numbers import (
    arrow_numbers,
    empty_table,
    numpy_numbers,
    sorted_by_category,
    take_rows,
)
from cdiscount_tasks.storage.catalogue_scan import NO_CATEGORY, RangeScan
from cdiscount_tasks.storage.damaged_bytes import Rejected
from cdiscount_tasks.storage.tables import IMAGES, PRODUCTS, REJECTED


def images_table(scan: RangeScan) -> pa.Table:
    """Return a scan's images in the schema IMAGES, sorted by category."""
    hashes = pa.Array.from_buffers(pa.binary(16), len(scan.image_numbers), [None, pa.py_buffer(scan.image_hashes)])
    columns = {
        "product_id": arrow_numbers(scan.image_product_ids, pa.int64()),
        "image_number": arrow_numbers(scan.image_numbers, pa.int8()),
        "category_id": arrow_numbers(scan.image_categories, pa.int64(), NO_CATEGORY),
        "offset": arrow_numbers(scan.image_offsets, pa.int64()),
        "length": arrow_numbers(scan.image_lengths, pa.int32()),
        "width": arrow_numbers(scan.image_widths, pa.int16()),
        "height": arrow_numbers(scan.image_heights, pa.int16()),
        "content_hash": hashes,
    }
    return sorted_by_category(pa.table(columns, schema=IMAGES))


def products_table(scan: RangeScan) -> pa.Table:
    """Return a scan's products in the schema PRODUCTS, sorted by category."""
    columns = {
        "product_id": arrow_numbers(scan.product_ids, pa.int64()),
        "category_id": arrow_numbers(scan.product_categories, pa.int64(), NO_CATEGORY),
        "num_images": arrow_numbers(scan.product_num_images, pa.int8()),
        "offset": arrow_numbers(scan.product_offsets, pa.int64()),
        "length": arrow_numbers(scan.product_lengths, pa.int32()),
    }
    return sorted_by_category(pa.table(columns, schema=PRODUCTS))


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    """Return what a scan refused in the schema REJECTED."""
    if not rejected:
        # Most ranges have nothing to reject, and from lists PyArrow would import pandas.
        return empty_table(REJECTED)
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rejected] for name in Rejected._fields}
    columns["reason"] = [str(reason) for reason in columns["reason"]]
    return pa.table({"stage": ["index"] * len(rejected), **columns}, schema=REJECTED)


def refused_documents(products: pa.Table, reason: Reason, detail: str) -> pa.Table:
    """Return rows of PRODUCTS as rows of REJECTED."""
    n = len(products)
    return pa.table(
        {
            "stage": pa.array(["index"] * n, pa.string()),
            "byte_offset": products["offset"],
            "byte_length": products["length"].cast(pa.int64()),
            "product_id": products["product_id"],
            "image_number": pa.nulls(n, pa.int8()),
            "reason": pa.array([str(reason)] * n, pa.string()),
            "detail": pa.array([detail] * n, pa.string()),
        },
        schema=REJECTED,
    )


class RefusedSpans:
    """The bytes of documents that are refused as a whole, with whatever lies inside."""

    def __init__(self, refused: pa.Table) -> None:
        """Hold the spans of rows of REJECTED that are documents."""
        starts, lengths = numpy_numbers(refused["byte_offset"]), numpy_numbers(refused["byte_length"])
        order = np.argsort(starts)
        self._starts, self._ends = starts[order], (starts + lengths)[order]

    def hold(self, offsets: np.ndarray) -> np.ndarray:
        """Tell which offsets lie inside; int64, [num_offsets] to bool, [num_offsets]."""
        if not len(self._starts):
            return np.zeros(len(offsets), bool)
        place = np.searchsorted(self._starts, offsets, side="right") - 1
        return np.asarray((place >= 0) & (offsets < self._ends[np.maximum(place, 0)]))

    def keep(self, rows: pa.Table) -> pa.Table:
        """Return the rows, of products or of images, that lie outside."""
        inside = self.hold(numpy_numbers(rows["offset"]))
        return take_rows(rows, ~inside) if inside.any() else rows
