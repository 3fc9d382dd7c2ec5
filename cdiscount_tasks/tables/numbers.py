"""Numbers between NumPy and Arrow without pandas, and rows of numbers chosen and sorted by NumPy.

`pa.array`, `pa.scalar`, `to_numpy`, `schema.empty_table` and comparisons with a Python value import pandas where it is
installed (PyArrow 26, to ask whether they were handed one of its objects): 0.3 s and 50 MB for nothing.
`pyarrow.compute` takes 0.04 s to import, and sorting rows that come in sorted runs is eight times quicker in NumPy.
"""

from __future__ import annotations  # array[int] cannot be evaluated by Python 3.11

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def arrow_numbers(values: array[int] | np.ndarray[Any, Any], kind: pa.DataType, missing: int | None = None) -> pa.Array:
    """Return numbers of the type's own width as an Arrow column, not copied; those that equal `missing` are null."""
    present = None
    if missing is not None:
        present = pa.py_buffer(np.packbits(np.asarray(values) != missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [present, pa.py_buffer(values)])


def arrow_optional(values: Sequence[int | None], kind: pa.DataType) -> pa.Array:
    """Return numbers, some of which may be missing, as an Arrow column."""
    present = np.fromiter((value is not None for value in values), bool, len(values))
    numbers = np.fromiter((value or 0 for value in values), np.dtype(str(kind)), len(values))
    bits = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(numbers)])


def arrow_texts(values: Sequence[str]) -> pa.Array:
    """Return texts as an Arrow column."""
    data = [value.encode() for value in values]
    edges = np.zeros(len(data) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, data), np.int64, len(data)), out=edges[1:])
    return pa.Array.from_buffers(pa.string(), len(data), [None, pa.py_buffer(edges), pa.py_buffer(b"".join(data))])


def _chunks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _numpy_values(column: pa.Array | pa.ChunkedArray, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    views = [np.frombuffer(c.buffers()[1], kind, len(c), c.offset * kind.itemsize) for c in _chunks(column) if len(c)]
    return views[0] if len(views) == 1 else np.concatenate([np.zeros(0, kind), *views])


def numpy_numbers(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Return a column of integers as NumPy's; what stands where one is null is undefined."""
    return _numpy_values(column, np.dtype(str(column.type)))


def numpy_hashes(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Return a column of hashes, none of them null, as NumPy's: V16, whose `tolist` gives bytes."""
    return _numpy_values(column, np.dtype("V16"))


def present_numbers(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Tell which values of a column are not null; bool, [num_rows]."""
    present = np.ones(len(column), bool)
    start = 0
    for chunk in _chunks(column) if column.null_count else []:
        if bits := chunk.buffers()[0]:
            bytes_of_bits = np.frombuffer(bits, np.uint8)
            here = np.unpackbits(bytes_of_bits, count=chunk.offset + len(chunk), bitorder="little")[chunk.offset :]
            present[start : start + len(chunk)] = here
        start += len(chunk)
    return present


def take_rows(table: pa.Table, rows: np.ndarray[Any, Any]) -> pa.Table:
    """Return some rows of a table of numbers and hashes, in the order asked for.

    Args:
        table: Its columns have values of a fixed number of whole bytes.
        rows: int64, [num_chosen], which rows; or bool, [num_rows], whether each row.
    """
    columns = []
    for column in table.columns:
        values = _numpy_values(column, np.dtype(f"V{column.type.bit_width // 8}"))[rows]
        present = None
        if column.null_count:
            present = pa.py_buffer(np.packbits(present_numbers(column)[rows], bitorder="little"))
        columns.append(pa.Array.from_buffers(column.type, len(values), [present, pa.py_buffer(values)]))
    return pa.table(columns, schema=table.schema)


def sorted_by_category(table: pa.Table) -> pa.Table:
    """Sort by category_id, product_id and, where two documents carry one id, offset; rows without a category last.

    Args:
        table: With these columns; the quicker, the longer the stretches are that are sorted already.
    """
    category, product, offset = (numpy_numbers(table[name]) for name in ("category_id", "product_id", "offset"))
    missing = ~present_numbers(table["category_id"])
    if missing.any():
        return take_rows(table, np.lexsort((offset, product, np.where(missing, 0, category), missing)))
    order = np.argsort(category, kind="stable")
    category, product, offset = category[order], product[order], offset[order]
    ahead = (product[1:] < product[:-1]) | ((product[1:] == product[:-1]) & (offset[1:] < offset[:-1]))
    if (ahead & (category[1:] == category[:-1])).any():
        # Product ids do not ascend through this catalogue.
        order = order[np.lexsort((offset, product, category))]
    return take_rows(table, order)


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table without rows."""
    return pa.table([pa.nulls(0, kind) for kind in schema.types], schema=schema)
