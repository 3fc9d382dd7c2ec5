"""Numbers between NumPy and Arrow without pandas.

`pa.array`, `pa.scalar`, `to_numpy`, `schema.empty_table` and comparisons with a Python value import pandas where it is
installed (PyArrow 26, to ask whether they were handed one of its objects): 0.25 s and 50 MB that a scan has no use for.
"""

from __future__ import annotations  # array[int] cannot be evaluated by Python 3.11

from array import array
from typing import Any

import numpy as np
import pyarrow as pa


def arrow_numbers(values: array[int] | np.ndarray[Any, Any], kind: pa.DataType, missing: int | None = None) -> pa.Array:
    """Return numbers of the type's own width as an Arrow column, not copied; those that equal `missing` are null."""
    present = None
    if missing is not None:
        present = pa.py_buffer(np.packbits(np.asarray(values) != missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [present, pa.py_buffer(values)])


def numpy_numbers(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Return a column of integers as NumPy's; what stands where one is null is undefined."""
    kind = np.dtype(str(column.type))
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    views = [np.frombuffer(c.buffers()[1], kind, len(c), c.offset * kind.itemsize) for c in chunks if len(c)]
    return views[0] if len(views) == 1 else np.concatenate([np.zeros(0, kind), *views])


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table without rows."""
    return pa.table([pa.nulls(0, kind) for kind in schema.types], schema=schema)
