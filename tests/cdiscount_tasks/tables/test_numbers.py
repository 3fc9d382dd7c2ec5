from array import array

import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.tables.numbers import arrow_numbers, empty_table, numpy_numbers, present_numbers, take_rows


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


def numbers_with_nulls():
    values = pa.array([3, None, 1, 2, None, 1, 3, 0, None, 2], pa.int64())
    hashes = pa.array([bytes([i]) * 16 for i in range(10)], pa.binary(16))
    table = pa.table({"n": values, "h": hashes})
    # Slices whose validity bits begin in the middle of a byte.
    return pa.concat_tables([table.slice(1, 4), table.slice(5), table.slice(0, 1)])


def test_what_is_present_is_told_across_slices():
    column = numbers_with_nulls()["n"]
    assert present_numbers(column).tolist() == column.is_valid().to_pylist()


@pytest.mark.parametrize("rows", [[], [9, 0, 4, 4, 7], [0, 3, 8]])
def test_rows_are_taken_with_their_nulls(rows):
    table = numbers_with_nulls()
    taken = take_rows(table, np.array(rows, np.int64))
    taken.validate(full=True)
    assert taken == table.take(pa.array(rows, pa.int64()))


def test_rows_are_taken_by_a_mask():
    table = numbers_with_nulls()
    mask = np.arange(10) % 3 == 0
    assert take_rows(table, mask) == table.filter(pa.array(mask))
