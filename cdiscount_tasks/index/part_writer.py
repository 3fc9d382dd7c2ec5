"""The tables of one byte range, written while it is scanned, so that memory does not grow with what the range holds."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from cdiscount_tasks.catalogue.scan import RangeScan
from cdiscount_tasks.index.merge import PART_ROWS_PER_GROUP, merge_sorted
from cdiscount_tasks.index.tables import images_table, products_table, rejected_table
from cdiscount_tasks.tables.parquet import TableWriter, write_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED

_TABLES: tuple[tuple[str, pa.Schema, Callable[[RangeScan], pa.Table]], ...] = (
    ("images", IMAGES, images_table),
    ("products", PRODUCTS, products_table),
)
_ROWS_PER_STRETCH = 8_192
_RUN_ROWS_PER_GROUP = 1_024
"""A stretch reads one row group of each run, of which there may be fifty."""

_REJECTED_ROWS_PER_GROUP = 16_384


class PartWriter:
    """Writes images.parquet, products.parquet and rejected.parquet of a scan.

    A usual range is written at its end, each table sorted once. One of many tiny documents is written as sorted runs,
    which are merged at the end.

    Attributes:
        num_products: Products kept so far.
        num_images: Pictures kept so far.
        num_rejected: Rows rejected so far.
        first_image: Where the first picture lies, and its length; None: no picture was kept.
    """

    def __init__(self, part_dir: Path) -> None:
        """Write into an existing directory."""
        self._part_dir = part_dir
        self._runs: dict[str, list[Path]] = {name: [] for name, _, _ in _TABLES}
        self._rejected: TableWriter | None = None
        self._waiting: list[pa.Table] = []
        self.num_products = self.num_images = self.num_rejected = 0
        self.first_image: tuple[int, int] | None = None

    def _write_rejected(self, scan: RangeScan, *, is_last: bool) -> None:
        if self._rejected is None:
            self._rejected = TableWriter(self._part_dir / "rejected.parquet", REJECTED)
        self.num_rejected += len(scan.rejected)
        self._waiting.append(rejected_table(scan.rejected))
        scan.forget_rows(kept=False, rejected=True)
        # Few large row groups: the footer of a thousand small ones would hold more than the rows do.
        if is_last or sum(map(len, self._waiting)) >= _REJECTED_ROWS_PER_GROUP:
            self._rejected.write(pa.concat_tables(self._waiting))
            self._waiting.clear()

    def _count(self, scan: RangeScan) -> None:
        if self.first_image is None and scan.image_offsets:
            self.first_image = scan.image_offsets[0], scan.image_lengths[0]
        self.num_products += len(scan.product_ids)
        self.num_images += len(scan.image_numbers)

    def write(self, scan: RangeScan) -> None:
        """Write the rows that an unfinished scan holds, and let it forget them."""
        self._write_rejected(scan, is_last=False)
        if not scan.holds_much:
            return
        self._count(scan)
        for name, schema, table_of in _TABLES:
            path = self._part_dir / f"{name}.{len(self._runs[name])}.run"
            write_table(path, table_of(scan), schema, _RUN_ROWS_PER_GROUP)
            self._runs[name].append(path)
        scan.forget_rows(kept=True, rejected=False)

    def finish(self, scan: RangeScan) -> None:
        """Write what a scan that has ended still holds, and close the tables."""
        self._write_rejected(scan, is_last=True)
        if self._rejected is not None:
            self._rejected.close()
        self._count(scan)
        for name, schema, table_of in _TABLES:
            out_path, runs = self._part_dir / f"{name}.parquet", self._runs[name]
            if not runs:
                write_table(out_path, table_of(scan), schema, PART_ROWS_PER_GROUP)
                continue
            last = self._part_dir / f"{name}.last.run"
            write_table(last, table_of(scan), schema, _RUN_ROWS_PER_GROUP)
            merge_sorted([*runs, last], schema, out_path, lambda rows: rows, PART_ROWS_PER_GROUP, _ROWS_PER_STRETCH)
            for path in (*runs, last):
                path.unlink()
