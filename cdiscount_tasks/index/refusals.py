"""What only the whole catalogue shows: which documents repeat an id and are refused, and how many have no category."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdiscount_tasks.tables.numbers import arrow_numbers, arrow_texts, numpy_numbers, present_numbers, take_rows
from cdiscount_tasks.tables.parquet import iter_row_groups, read_table
from cdiscount_tasks.tables.schemas import PRODUCTS, REJECTED
from cdiscount_tasks.vocabulary import Reason

Integers = npt.NDArray[np.int64]


_ROWS_AT_ONCE = 65_536

_DETAILS = (
    "an earlier document of the file has the same _id",
    "another document of the file has the same _id, and this one has no category",
)


class RefusedDocuments(NamedTuple):
    """Documents that are refused since they repeat an id, in columns by their place in the file.

    Numbers alone: as rows of REJECTED, with their texts, they would be five times as large.

    Attributes:
        offsets: Where they begin.
        lengths: Their bytes.
        product_ids: The ids that they repeat.
        why: Counts in _DETAILS.
        num_without_category: Of the documents that are not refused.
    """

    offsets: Integers
    lengths: Integers
    product_ids: Integers
    why: npt.NDArray[np.int8]
    num_without_category: int

    def hold(self, offsets: Integers) -> npt.NDArray[np.bool_]:
        """Tell which offsets lie inside; int64, [num_offsets] to bool, [num_offsets]."""
        if not len(self.offsets):
            return np.zeros(len(offsets), bool)
        place = np.maximum(np.searchsorted(self.offsets, offsets, side="right") - 1, 0)
        inside = (offsets >= self.offsets[place]) & (offsets < self.offsets[place] + self.lengths[place])
        return np.asarray(inside)

    def keep(self, rows: pa.Table) -> pa.Table:
        """Return the rows, of products or of images, that lie outside."""
        inside = self.hold(numpy_numbers(rows["offset"]))
        return take_rows(rows, ~inside) if inside.any() else rows

    def rows(self, start: int, stop: int) -> pa.Table:
        """Return some of them as rows of REJECTED."""
        details = [_DETAILS[why] for why in self.why[start:stop].tolist()]
        columns = [
            arrow_texts(["index"] * len(details)),
            arrow_numbers(self.offsets[start:stop], pa.int64()),
            arrow_numbers(self.lengths[start:stop], pa.int64()),
            arrow_numbers(self.product_ids[start:stop], pa.int64()),
            pa.nulls(len(details), pa.int8()),
            arrow_texts([Reason.ID_REPEATED] * len(details)),
            arrow_texts(details),
        ]
        return pa.table(columns, schema=REJECTED)


def repeated_products(product_ids: np.ndarray, offsets: np.ndarray, without_category: np.ndarray) -> np.ndarray:
    """Mark every document but one that carries a product id: the first in file order of those with a category, if any.

    Args:
        product_ids: int64, [num_products].
        offsets: int64, [num_products], where each document lies.
        without_category: bool, [num_products]: such a document takes no id from one that can be learnt from.

    Returns:
        bool, [num_products].
    """
    repeated = np.zeros(len(product_ids), bool)
    ascending = np.sort(product_ids)
    if (ascending[1:] != ascending[:-1]).all():  # as in any sound catalogue, and ten times quicker to find out
        return repeated
    order = np.lexsort((offsets, without_category, product_ids))
    repeated[order[1:]] = product_ids[order[1:]] == product_ids[order[:-1]]
    return repeated


def refused_as_a_whole(part_dirs: Sequence[Path]) -> RefusedDocuments:
    """Find the documents that only the whole catalogue shows to be refused, and count those without a category."""
    # One narrow column after another: together they would be a quarter of a gigabyte for seven million products.
    paths = [part_dir / "products.parquet" for part_dir in part_dirs]

    def read(name: str) -> Integers:
        columns = (numpy_numbers(read_table(path, PRODUCTS, [name])[name]) for path in paths)
        return np.concatenate([column.astype(np.int64, copy=False) for column in columns])

    ids, offsets = read("product_id"), read("offset")
    categories = (read_table(path, PRODUCTS, ["category_id"])["category_id"] for path in paths)
    missing = ~np.concatenate([present_numbers(column) for column in categories])
    repeated = repeated_products(ids, offsets, missing)
    (rows,) = np.nonzero(repeated)
    rows = rows[np.argsort(offsets[rows])]
    lengths = read("length")[rows] if len(rows) else rows
    num_without_category = int(np.count_nonzero(missing & ~repeated))
    return RefusedDocuments(offsets[rows], lengths, ids[rows], missing[rows].astype(np.int8), num_without_category)


def _found_rows(part_dirs: Sequence[Path], refused: RefusedDocuments) -> Iterator[pa.Table]:
    """Read what scans rejected; of a document that is refused as a whole, its images are no rows of their own."""
    for part_dir in part_dirs:
        for rows in iter_row_groups(part_dir / "rejected.parquet", REJECTED.names):
            of_refused = present_numbers(rows["image_number"]) & refused.hold(numpy_numbers(rows["byte_offset"]))
            kept = rows.filter(pa.array(~of_refused)) if of_refused.any() else rows
            if len(kept):
                yield kept


def rejected_rows(part_dirs: Sequence[Path], refused: RefusedDocuments) -> Iterator[pa.Table]:
    """Yield all that was rejected in the order of the file, some rows at a time.

    Args:
        part_dirs: What scans left, in the order of the file; each has its rejected rows in that order too.
        refused: What is refused besides.
    """
    done = 0
    for rows in _found_rows(part_dirs, refused):
        offsets, first = numpy_numbers(rows["byte_offset"]), 0
        while first < len(rows):
            upto = int(np.searchsorted(refused.offsets, offsets[-1]))
            stop = len(rows)
            if upto > done + _ROWS_AT_ONCE:
                upto = done + _ROWS_AT_ONCE
                stop = int(np.searchsorted(offsets, refused.offsets[upto]))
            piece = rows.slice(first, stop - first)
            if upto > done:
                piece = pa.concat_tables([piece, refused.rows(done, upto)]).sort_by("byte_offset")
            yield piece
            done, first = upto, stop
    for start in range(done, len(refused.offsets), _ROWS_AT_ONCE):
        yield refused.rows(start, min(start + _ROWS_AT_ONCE, len(refused.offsets)))
