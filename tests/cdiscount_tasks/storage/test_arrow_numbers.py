from array import array

import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.storage.arrow_numbers import arrow_numbers, empty_table, numpy_numbers


def test_numbers_come_through_with_what_is_missing_as_null():
    column = arrow_numbers(array("q", range(-1, 20)), pa.int64(), missing=-1)
    assert column.to_pylist() == [None, *range(20)]
    column.validate(full=True)


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint64"])
def test_slices_and_chunks_are_read_where_they_lie(kind):
    whole = pa.array([1, 2, 3, 4, 5], kind)
    read = numpy_numbers(pa.chunked_array([whole.slice(1, 2), whole.slice(0, 0), whole.slice(4)]))
    assert (read.tolist(), read.dtype) == ([2, 3, 5], np.dtype(kind))


def test_no_rows_are_no_numbers():
    assert len(numpy_numbers(pa.chunked_array([], pa.int64()))) == 0


def test_an_empty_table_has_the_schema():
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string())])
    assert empty_table(schema).schema.equals(schema)
