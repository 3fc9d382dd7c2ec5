"""One way to write and read Parquet tables, page checksums included. Their schemas are in `schemas`."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cdiscount_tasks.artifacts.bucket import open_file
from cdiscount_tasks.artifacts.disk_faults import is_of_the_system
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.numbers import empty_table, numpy_numbers, present_numbers, take_rows

if TYPE_CHECKING:
    import pandas as pd

_DELTA_COLUMNS = frozenset({"product_id", "offset", "length", "byte_offset", "byte_length", "group_id"})
_DICTIONARY_COLUMNS = frozenset({"category_id", "split", "rule", "reason", "stage", "image_number", "width", "height"})
_ROWS_PER_GROUP = 131_072


class TableWriter:
    """Writes a table piece by piece: zstd, delta encodings, page checksums."""

    def __init__(self, path: Path, schema: pa.Schema, rows_per_group: int = _ROWS_PER_GROUP) -> None:
        """Open the file; `jpeg` columns stay uncompressed, since JPEG does not shrink."""
        names = schema.names
        delta = {name: "DELTA_BINARY_PACKED" for name in names if name in _DELTA_COLUMNS}
        self._schema = schema
        self._rows_per_group = rows_per_group
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression={name: "NONE" if name == "jpeg" else "ZSTD" for name in _leaf_names(schema)},
            # A list that leaves the delta columns out: fixed[16] columns beside them work only so (PyArrow 26).
            use_dictionary=[name for name in names if name in _DICTIONARY_COLUMNS],
            column_encoding=delta or None,
            write_statistics=[name for name in names if name not in {"jpeg", "content_hash", "pixel_hash"}],
            write_page_checksum=True,
        )

    def __enter__(self) -> "TableWriter":
        """Return the open writer."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()

    def write(self, table: pa.Table | pa.RecordBatch) -> None:
        """Append rows; their columns must be the schema's, in any order."""
        table = pa.table(table) if isinstance(table, pa.RecordBatch) else table
        table = table.select(self._schema.names)
        if not table.schema.equals(self._schema):
            table = table.cast(self._schema)
        self._writer.write_table(table, self._rows_per_group)


def write_whole_groups(
    path: Path, tables: Iterable[pa.Table], schema: pa.Schema, rows_per_group: int | None = None
) -> None:
    """Write tables one after another, so that the file is the same wherever one of them ends and the next begins."""
    rows_per_group = rows_per_group or _ROWS_PER_GROUP
    waiting, is_empty = empty_table(schema), True
    with TableWriter(path, schema, rows_per_group) as writer:
        for table in tables:
            waiting = pa.concat_tables([waiting, table])
            while len(waiting) >= rows_per_group:
                writer.write(waiting.slice(0, rows_per_group).combine_chunks())
                waiting, is_empty = waiting.slice(rows_per_group), False
        if is_empty or len(waiting):
            writer.write(waiting.combine_chunks())


def _leaf_names(schema: pa.Schema) -> list[str]:
    return [f"{field.name}.list.element" if pa.types.is_nested(field.type) else str(field.name) for field in schema]


def write_table(path: Path, rows: Any, schema: pa.Schema, rows_per_group: int = _ROWS_PER_GROUP) -> int:
    """Write a whole table.

    Args:
        path: The file to make.
        rows: A pyarrow Table, a pandas DataFrame, or a dict of columns.
        schema: What the file holds.
        rows_per_group: How many rows are read at least, whatever is wanted of them.

    Returns:
        The number of rows.

    Raises:
        ValueError: If the rows have other columns than the schema.
    """
    columns = rows.column_names if isinstance(rows, pa.Table) else list(rows)
    if set(columns) != set(schema.names):
        raise ValueError(f"{path}: the rows have the columns {columns}, expected {schema.names}; select those")
    if all(len(rows[name]) == 0 for name in schema.names):
        # An empty column has no type of its own (pandas calls it float64), which does not convert to every other.
        table = schema.empty_table()
    elif isinstance(rows, dict):
        table = pa.table(rows, schema=schema)
    elif isinstance(rows, pa.Table):
        table = rows
    else:
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    with TableWriter(path, schema, rows_per_group) as writer:
        writer.write(table)
    return int(table.num_rows)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turn what damaged bytes raise into a sentence; what the system could not read for now passes as an OSError."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: is missing; remove its folder and run again") from error
    except (pa.ArrowException, OSError) as error:
        if is_of_the_system(error):
            raise
        raise DataError(f"{path}: is damaged ({error}); remove its folder and run again") from error


def open_table(path: Path, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
    """Open a Parquet file whose page checksums are verified on every read.

    Args:
        path: The file.
        metadata: Its own, from an earlier opening: its footer is not read again.

    Raises:
        DataError: If it is missing or damaged.
        OSError: If it cannot be read for now.
    """
    with _damage_told(path):
        return pq.ParquetFile(open_file(path.parent, path.name), metadata=metadata, page_checksum_verification=True)


def _check_columns(path: Path, file: pq.ParquetFile, schema: pa.Schema) -> None:
    if not file.schema_arrow.equals(schema):
        raise DataError(f"{path}: has the columns {file.schema_arrow.names}, expected {schema.names}")


def read_table(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole table, or some of its columns, with page checksums verified.

    Raises:
        DataError: If the file is missing, damaged or has other columns than the schema.
    """
    with _damage_told(path), open_table(path) as file:
        _check_columns(path, file, schema)
        return file.read(columns=None if columns is None else list(columns))


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read some columns of a table whose other columns need not be known, with page checksums verified.

    Raises:
        DataError: If the file is missing, damaged or lacks a column.
    """
    with _damage_told(path), open_table(path) as file:
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            raise DataError(f"{path}: has the columns {file.schema_arrow.names}, expected {', '.join(missing)} too")
        return file.read(columns=list(columns))


def exact_frame(table: pa.Table, name: str) -> "pd.DataFrame":
    """Convert a table of which one int64 column may lack values: as floats its ids above 2**53 would be rounded.

    Returns:
        The table's columns, the named one as Int64.
    """
    import pandas as pd  # a quarter of a second that the scan of a catalogue does not need

    column = table.select([name]).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)[name]
    return cast("pd.DataFrame", table.drop_columns([name]).to_pandas().assign(**{name: column}))


def iter_row_groups(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield some columns of a table, one row group after another, for tables that need not be in memory as a whole.

    Raises:
        DataError: If the file is missing or damaged.
    """
    with open_table(path) as file:
        for group in range(file.num_row_groups):
            with _damage_told(path):
                rows = file.read_row_group(group, columns=list(columns))
            yield rows


def read_row_groups(
    path: Path, file: pq.ParquetFile, groups: Sequence[int], columns: Sequence[str] | None = None
) -> pa.Table:
    """Read some row groups of a table that is open, or some of their columns.

    Raises:
        DataError: If the file is damaged.
    """
    with _damage_told(path):
        return file.read_row_groups(list(groups), columns=None if columns is None else list(columns))


def read_rows(path: Path, schema: pa.Schema, column: str, values: Sequence[int]) -> pa.Table:
    """Read the rows whose integer column has one of the values, from the row groups that can hold any.

    Args:
        path: A table of numbers and hashes that is sorted by the column, so that few row groups hold a value.
        schema: What the file holds.
        column: An integer column.
        values: The wanted values, ascending.

    Raises:
        DataError: If the file is missing, damaged or has other columns than the schema.
    """
    with _damage_told(path), open_table(path) as file:
        _check_columns(path, file, schema)
        place = file.schema_arrow.names.index(column)
        groups = []
        for number in range(file.num_row_groups):
            statistics = file.metadata.row_group(number).column(place).statistics
            # A row group in which every value is missing has statistics without a range.
            bounded = statistics is not None and statistics.has_min_max
            first = bisect_left(values, statistics.min) if bounded else 0
            if first < len(values) and (not bounded or values[first] <= statistics.max):
                groups.append(number)
        table = file.read_row_groups(groups)
        found = np.isin(numpy_numbers(table[column]), values) & present_numbers(table[column])
        return take_rows(table, found)


def read_rows_between(path: Path, schema: pa.Schema, column: str, start: int, stop: int) -> pa.Table:
    """Read the rows whose integer column is in [start, stop), whatever the table is sorted by.

    Args:
        path: A table; one row group after another is in memory, beside the rows that are found.
        schema: What the file holds.
        column: An integer column with statistics; a row in which it is null is not found.
        start: The least value.
        stop: The first value behind.

    Raises:
        DataError: If the file is missing, damaged or has other columns than the schema.
    """
    found = [empty_table(schema)]
    with _damage_told(path), open_table(path) as file:
        _check_columns(path, file, schema)
        place = file.schema_arrow.names.index(column)
        for number in range(file.num_row_groups):
            statistics = file.metadata.row_group(number).column(place).statistics
            # A row group in which every value is missing, or that has no row, has statistics without a range.
            if statistics is not None and not (
                statistics.has_min_max and statistics.min < stop and statistics.max >= start
            ):
                continue
            rows = file.read_row_group(number)
            values = numpy_numbers(rows[column])
            chosen = (values >= start) & (values < stop) & present_numbers(rows[column])
            found.append(rows.filter(pa.array(chosen)))
    return pa.concat_tables(found)
