"""Joining the sorted tables of many byte ranges into one, without ever holding all rows.

Rows are sorted by category_id, product_id and place in the file. The work goes through the categories in stretches of
about half a million rows; of each part only the row groups that hold the stretch are read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cdiscount_tasks.storage.arrow_numbers import empty_table, numpy_numbers, sorted_by_category, take_rows
from cdiscount_tasks.storage.bson_document import NO_CATEGORY
from cdiscount_tasks.storage.tables import TableWriter, open_table, read_row_groups

PART_ROWS_PER_GROUP = 8192
"""Parts have small row groups, so that a stretch of categories reads little more than its own rows."""

_ROWS_PER_STRETCH = 500_000
_ROWS_PER_GROUP = 131_072


class _Group(NamedTuple):
    """A row group of a part: its first and last category_id (None: no row has one), and its rows."""

    first: int | None
    last: int | None
    num_rows: int
    num_null: int

    def holds_between(self, above: int, last: int) -> bool:
        """Tell whether some row may have a category_id above one and up to another."""
        return self.first is not None and self.last is not None and self.first <= last and self.last > above


def _groups_of(file: pq.ParquetFile) -> list[_Group]:
    place = file.schema_arrow.names.index("category_id")
    groups = []
    for number in range(file.num_row_groups):
        column = file.metadata.row_group(number).column(place)
        found = column.statistics
        if found is None:  # a table without rows
            groups.append(_Group(None, None, 0, 0))
            continue
        first, last = (found.min, found.max) if found.has_min_max else (None, None)
        groups.append(_Group(first, last, column.num_values, found.null_count))
    return groups


def _stretches(groups: Iterable[_Group]) -> Iterator[tuple[int, int]]:
    """Yield stretches of categories, each from above its first to its last, with about half a million rows each.

    Row groups count as if all their rows had their last category: what a stretch holds too much, the next lacks.
    """
    by_last = sorted((group.last, group.num_rows - group.num_null) for group in groups if group.last is not None)
    above, held = NO_CATEGORY, 0
    for place, (last, num_rows) in enumerate(by_last):
        held += num_rows
        is_end = place + 1 == len(by_last)
        if is_end or (held >= _ROWS_PER_STRETCH and by_last[place + 1][0] != last):
            yield above, last
            above, held = last, 0


def _rows_between(path: Path, file: pq.ParquetFile, groups: Sequence[_Group], above: int, last: int) -> pa.Table:
    """Read a part's rows with a category_id above one and up to another."""
    wanted = [number for number, group in enumerate(groups) if group.holds_between(above, last)]
    rows = read_row_groups(path, file, wanted)
    # Rows without a category stand last.
    categories = numpy_numbers(rows["category_id"])[: len(rows) - rows["category_id"].null_count]
    start, stop = (int(np.searchsorted(categories, edge, side="right")) for edge in (above, last))
    return rows.slice(start, stop - start)


def _rows_without_category(path: Path, file: pq.ParquetFile, groups: Sequence[_Group]) -> pa.Table:
    rows = read_row_groups(path, file, [number for number, group in enumerate(groups) if group.num_null])
    return rows.slice(len(rows) - rows["category_id"].null_count)


def _sorted_stretches(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield all rows of the parts, sorted, stretch by stretch; rows without a category come last."""
    with ExitStack() as stack:
        files = [stack.enter_context(open_table(path)) for path in paths]
        parts = [(path, file, _groups_of(file)) for path, file in zip(paths, files, strict=True)]
        groups = [group for _, _, groups_of_part in parts for group in groups_of_part]
        num_left = sum(group.num_rows for group in groups)
        for above, last in _stretches(groups):
            rows = sorted_by_category(pa.concat_tables(_rows_between(*part, above, last) for part in parts))
            num_left -= len(rows)
            yield rows
        if any(group.num_null for group in groups):
            rows = sorted_by_category(pa.concat_tables(_rows_without_category(*part) for part in parts))
            num_left -= len(rows)
            yield rows
        if num_left:
            raise ValueError(f"{paths[0]} and its likes are not sorted by category_id: {num_left} rows would be lost")


def merge_sorted(paths: Sequence[Path], schema: pa.Schema, out_path: Path, keep: Callable[[pa.Table], pa.Table]) -> int:
    """Merge tables that are sorted by category into one.

    Args:
        paths: Files of the given schema, each sorted by category_id, product_id, offset.
        schema: IMAGES or PRODUCTS.
        out_path: The file to write; its row groups have 131,072 rows.
        keep: Takes out the rows that are refused.

    Returns:
        The number of rows written.
    """
    num_rows = 0
    waiting = empty_table(schema)
    with TableWriter(out_path, schema) as writer:
        for rows in _sorted_stretches(paths):
            waiting = pa.concat_tables([waiting, keep(rows)])
            whole = len(waiting) - len(waiting) % _ROWS_PER_GROUP
            if whole:
                writer.write(waiting.slice(0, whole))
                # A copy, since a slice would keep all the rows behind it in memory.
                waiting = take_rows(waiting, np.arange(whole, len(waiting)))
                num_rows += whole
        if len(waiting) or not num_rows:
            writer.write(waiting)
    return num_rows + len(waiting)
