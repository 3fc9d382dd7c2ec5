"""What only the whole catalogue shows to be refused: repeated ids, and a missing category among documents with one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from cdiscount_tasks.records import Reason
from cdiscount_tasks.storage.arrow_numbers import empty_table, numpy_numbers, present_numbers, take_rows
from cdiscount_tasks.storage.schemas import PRODUCTS, REJECTED
from cdiscount_tasks.storage.tables import read_table


def _refused_documents(products: pa.Table, reason: Reason, detail: str) -> pa.Table:
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


def repeated_products(product_ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Mark every document but the first, in file order, that carries a product id.

    Args:
        product_ids: int64, [num_products].
        offsets: int64, [num_products], where each document lies.

    Returns:
        bool, [num_products].
    """
    repeated = np.zeros(len(product_ids), bool)
    ascending = np.sort(product_ids)
    if (ascending[1:] != ascending[:-1]).all():  # as in any sound catalogue, and ten times quicker to find out
        return repeated
    order = np.lexsort((offsets, product_ids))
    repeated[order[1:]] = product_ids[order[1:]] == product_ids[order[:-1]]
    return repeated


def refused_as_a_whole(part_dirs: Sequence[Path]) -> pa.Table:
    """Find the documents that only the whole catalogue shows to be refused, as rows of REJECTED."""
    # One narrow column after another: together they would be a quarter of a gigabyte for seven million products.
    paths = [part_dir / "products.parquet" for part_dir in part_dirs]
    ids, offsets = (
        np.concatenate([numpy_numbers(read_table(path, PRODUCTS, [name])[name]) for path in paths])
        for name in ("product_id", "offset")
    )
    categories = (read_table(path, PRODUCTS, ["category_id"])["category_id"] for path in paths)
    missing = ~np.concatenate([present_numbers(column) for column in categories])
    # A catalogue without categories as a whole (test.bson) is kept; a document without one among others is not.
    missing &= not missing.all()
    repeated = np.zeros(len(ids), bool)
    repeated[~missing] = repeated_products(ids[~missing], offsets[~missing])
    refused = [empty_table(REJECTED)]
    for mask, reason, detail in (
        (repeated, Reason.ID_REPEATED, "an earlier document of the file has the same _id"),
        (missing, Reason.CATEGORY_MISSING, "the document has no field category_id"),
    ):
        if mask.any():
            tables = (read_table(path, PRODUCTS) for path in paths)
            rows = [take_rows(table, np.isin(numpy_numbers(table["offset"]), offsets[mask])) for table in tables]
            refused.append(_refused_documents(pa.concat_tables(rows), reason, detail))
    return pa.concat_tables(refused)


def rejected_rows(part_dirs: Sequence[Path], refused: pa.Table, spans: RefusedSpans) -> pa.Table:
    """Join what was rejected; of a document that is refused as a whole, its images are no rows of their own."""
    found = pa.concat_tables([read_table(part_dir / "rejected.parquet", REJECTED) for part_dir in part_dirs])
    if not len(found) + len(refused):
        return refused
    of_refused = found["image_number"].is_valid().to_numpy() & spans.hold(found["byte_offset"].to_numpy())
    return pa.concat_tables([found.filter(pa.array(~of_refused)), refused]).sort_by("byte_offset")
