"""Joining the sorted tables of many byte ranges into one, without ever holding all rows.

Rows are sorted by category_id, product_id and place in the file. The work goes through the categories in stretches of
about a million rows; of each part only the row groups that hold the stretch are read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdiscount_tasks.storage.index_tables import sorted_by_category
from cdiscount_tasks.storage.tables import TableWriter, iter_row_groups, open_table, read_row_groups

PART_ROWS_PER_GROUP = 8192
"""Parts have small row groups, so that a stretch of categories reads little more than its own rows."""

_ROWS_PER_STRETCH = 500_000
_ROWS_PER_GROUP = 131_072


def _rows_by_category(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray, int]:
    """Count rows by category over all parts: category_ids, ascending, their counts, and the rows without one."""
    counts: dict[int, int] = {}
    num_null = 0
    for path in paths:
        for rows in iter_row_groups(path, ["category_id"]):
            ids = rows["category_id"].drop_null()
            num_null += len(rows) - len(ids)
            for category_id, count in zip(*np.unique(ids.to_numpy(), return_counts=True), strict=True):
                counts[int(category_id)] = counts.get(int(category_id), 0) + int(count)
    categories = np.array(sorted(counts), np.int64)
    return categories, np.array([counts[int(category_id)] for category_id in categories], np.int64), num_null


def _stretches(categories: np.ndarray, counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield first and last category_id of stretches with about a million rows together; a category is never cut."""
    start, held = 0, 0
    for place, count in enumerate(counts):
        if held and held + count > _ROWS_PER_STRETCH:
            yield int(categories[start]), int(categories[place - 1])
            start, held = place, 0
        held += int(count)
    if held:
        yield int(categories[start]), int(categories[-1])


def _groups_between(file: pq.ParquetFile, first: int, last: int) -> list[int]:
    place = file.schema_arrow.names.index("category_id")
    groups = []
    for number in range(file.num_row_groups):
        statistics = file.metadata.row_group(number).column(place).statistics
        if statistics is None or not statistics.has_min_max or (statistics.min <= last and statistics.max >= first):
            groups.append(number)
    return groups


def _groups_with_null(file: pq.ParquetFile) -> list[int]:
    place = file.schema_arrow.names.index("category_id")
    statistics = [file.metadata.row_group(number).column(place).statistics for number in range(file.num_row_groups)]
    return [n for n, found in enumerate(statistics) if found is None or not found.has_null_count or found.null_count]


def _sorted_stretches(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield all rows of the parts, sorted, stretch by stretch; rows without a category come last."""
    categories, counts, num_null = _rows_by_category(paths)
    with ExitStack() as stack:
        files = [stack.enter_context(open_table(path)) for path in paths]
        for first, last in _stretches(categories, counts):
            pieces = []
            for path, file in zip(paths, files, strict=True):
                rows = read_row_groups(path, file, _groups_between(file, first, last))
                between = pc.and_(
                    pc.greater_equal(rows["category_id"], first), pc.less_equal(rows["category_id"], last)
                )
                pieces.append(rows.filter(between))
            yield sorted_by_category(pa.concat_tables(pieces))
        if num_null:
            pieces = [
                read_row_groups(path, file, _groups_with_null(file)) for path, file in zip(paths, files, strict=True)
            ]
            rows = pa.concat_tables(pieces)
            yield sorted_by_category(rows.filter(pc.is_null(rows["category_id"])))


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
    waiting = schema.empty_table()
    with TableWriter(out_path, schema) as writer:
        for rows in _sorted_stretches(paths):
            waiting = pa.concat_tables([waiting, keep(rows)])
            whole = len(waiting) - len(waiting) % _ROWS_PER_GROUP
            if whole:
                writer.write(waiting.slice(0, whole))
                # A copy, since a slice would keep all the rows behind it in memory.
                waiting = waiting.take(pa.array(np.arange(whole, len(waiting))))
                num_rows += whole
        if len(waiting) or not num_rows:
            writer.write(waiting)
    return num_rows + len(waiting)
