"""Joining the sorted tables of many byte ranges into one, without ever holding all rows.

Rows are sorted by category_id, product_id and place in the file; those without a category come last. The work goes
through these keys in stretches of about half a million rows; of each part only the row groups that hold the stretch are
read, and only while they are read is the part's file open: a catalogue has more parts than a process may open files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cdiscount_tasks.tables.numbers import empty_table, numpy_numbers, present_numbers, sorted_by_category, take_rows
from cdiscount_tasks.tables.parquet import TableWriter, open_table, read_row_groups

PART_ROWS_PER_GROUP = 8192
"""Parts have small row groups, so that a stretch of keys reads little more than its own rows."""

_ROWS_PER_STRETCH = 500_000
_ROWS_PER_GROUP = 131_072


class _Key(NamedTuple):
    """What rows are sorted by."""

    has_no_category: int
    category_id: int
    product_id: int
    offset: int


_BEFORE_ALL = _Key(-1, 0, 0, 0)


class _Group(NamedTuple):
    """A row group of a part: no row has a smaller key than `first` or a larger one than `last`; and its rows."""

    first: _Key
    last: _Key
    num_rows: int

    def holds_between(self, above: _Key, last: _Key) -> bool:
        """Tell whether some row may have a key above one and up to another."""
        return self.num_rows > 0 and self.first <= last and self.last > above


class _Part(NamedTuple):
    """A sorted table and what its footer says, so that it need not stay open."""

    path: Path
    metadata: pq.FileMetaData
    groups: list[_Group]


def _groups_of(file: pq.ParquetFile) -> list[_Group]:
    names = file.schema_arrow.names
    places = [names.index(name) for name in ("category_id", "product_id", "offset")]
    groups = []
    for number in range(file.num_row_groups):
        row_group = file.metadata.row_group(number)
        category, product, offset = (row_group.column(place).statistics for place in places)
        if not row_group.num_rows:  # a table without rows
            groups.append(_Group(_BEFORE_ALL, _BEFORE_ALL, 0))
            continue
        first = last = (1, 0)  # rows without a category, which come after all others
        # Parquet's least and largest leave missing values out: where some are missing, the last row has none.
        if category.has_min_max:
            first = (0, category.min)
            last = (1, 0) if category.null_count else (0, category.max)
        groups.append(
            _Group(_Key(*first, product.min, offset.min), _Key(*last, product.max, offset.max), row_group.num_rows)
        )
    return groups


def _read_part(path: Path) -> _Part:
    with open_table(path) as file:
        return _Part(path, file.metadata, _groups_of(file))


def _stretches(groups: Iterable[_Group], most_rows: int) -> Iterator[tuple[_Key, _Key]]:
    """Yield stretches of keys, each from above its first to its last, with about so many rows each.

    Row groups count as if all their rows had their last key: what a stretch holds too much, the next lacks.
    """
    # Of all parts together, by where each ends: a stretch that ends where a row group does leaves nothing of it to be
    # read a second time, however the parts interleave.
    by_last = sorted((group.last, group.num_rows) for group in groups if group.num_rows)
    above, held = _BEFORE_ALL, 0
    for place, (last, num_rows) in enumerate(by_last):
        held += num_rows
        is_end = place + 1 == len(by_last)
        # Never between groups that end with one key: "above" would leave out the rows of that key in the second.
        if is_end or (held >= most_rows and by_last[place + 1][0] != last):
            yield above, last
            above, held = last, 0


def _num_up_to(columns: Sequence[np.ndarray], key: _Key) -> int:
    """Return how many of some sorted rows have a key up to the given one."""
    # Column by column, each within the rows that agree so far: a search on tuples would make Python objects of all.
    first, stop = 0, len(columns[0])
    for column, value in zip(columns, key, strict=True):
        here = column[first:stop]
        first, stop = (first + int(np.searchsorted(here, value, side)) for side in ("left", "right"))
    return stop


def _rows_between(part: _Part, above: _Key, last: _Key) -> pa.Table:
    """Read a part's rows with a key above one and up to another; it has a row group that may hold some."""
    wanted = [number for number, group in enumerate(part.groups) if group.holds_between(above, last)]
    with open_table(part.path, part.metadata) as file:
        rows = read_row_groups(part.path, file, wanted)
    missing = ~present_numbers(rows["category_id"])
    category = numpy_numbers(rows["category_id"])
    if missing.any():  # what a missing number's bytes hold is not defined; _Key has 0 for them
        category = np.where(missing, 0, category)
    columns = (missing, category, numpy_numbers(rows["product_id"]), numpy_numbers(rows["offset"]))
    start, stop = (_num_up_to(columns, edge) for edge in (above, last))
    return rows.slice(start, stop - start)


def _sorted_stretches(paths: Sequence[Path], most_rows: int) -> Iterator[pa.Table]:
    """Yield all rows of the parts, sorted, stretch by stretch; rows without a category come last."""
    parts = [_read_part(path) for path in paths]
    groups = [group for part in parts for group in part.groups]
    num_left = sum(group.num_rows for group in groups)
    for above, last in _stretches(groups, most_rows):
        wanted = [part for part in parts if any(group.holds_between(above, last) for group in part.groups)]
        rows = sorted_by_category(pa.concat_tables(_rows_between(part, above, last) for part in wanted))
        num_left -= len(rows)
        yield rows
    # A part that is not sorted is cut in wrong places: rows are in no stretch, or in two.
    if num_left:
        raise ValueError(f"{paths[0]} and its likes are not sorted by category_id: {num_left} rows would be lost")


def merge_sorted(
    paths: Sequence[Path],
    schema: pa.Schema,
    out_path: Path,
    keep: Callable[[pa.Table], pa.Table],
    rows_per_group: int = _ROWS_PER_GROUP,
    rows_per_stretch: int | None = None,
) -> int:
    """Merge tables that are sorted by category into one.

    Args:
        paths: Files of the given schema, each sorted by category_id, product_id, offset.
        schema: IMAGES or PRODUCTS.
        out_path: The file to write.
        keep: Takes out the rows that are refused.
        rows_per_group: Of the file to write.
        rows_per_stretch: About so many rows are sorted together; None: half a million.

    Returns:
        The number of rows written.
    """
    num_rows = 0
    waiting = empty_table(schema)
    with TableWriter(out_path, schema, rows_per_group) as writer:
        for rows in _sorted_stretches(paths, rows_per_stretch or _ROWS_PER_STRETCH):
            waiting = pa.concat_tables([waiting, keep(rows)])
            whole = len(waiting) - len(waiting) % rows_per_group
            if whole:
                writer.write(waiting.slice(0, whole))
                # A copy, since a slice would keep all the rows behind it in memory.
                waiting = take_rows(waiting, np.arange(whole, len(waiting)))
                num_rows += whole
        if len(waiting) or not num_rows:
            writer.write(waiting)
    return num_rows + len(waiting)
