import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables import features
from cdiscount_tasks.tables.features import (
    iter_all_features,
    iter_features,
    read_features,
    read_features_of,
    read_features_shape,
    vector_lists,
    write_features,
)
from cdiscount_tasks.tables.parquet import read_columns, write_table
from cdiscount_tasks.tables.schemas import features_schema

NUM_IMAGES, NUM_FEATURES = 50, 6


def images(num=NUM_IMAGES):
    return pa.table({"product_id": np.arange(num) * 3, "image_number": np.zeros(num, np.int8)})


def seen(num_sides=2, num=NUM_IMAGES):
    return np.random.default_rng(0).normal(size=(num, num_sides, NUM_FEATURES)).astype(np.float32)


def write(folder, vectors, at_once=7):
    schema = features_schema(NUM_FEATURES, mirrored=vectors.shape[1] > 1)
    some = (vectors[first : first + at_once] for first in range(0, len(vectors), at_once))
    pieces = ([piece[:, side] for side in range(vectors.shape[1])] for piece in some)
    write_features(folder / "features.parquet", schema, images(len(vectors)), pieces, "the network")
    return folder


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(features, "ROWS_PER_GROUP", 16)


@pytest.mark.parametrize("num_sides", [1, 2])
@pytest.mark.parametrize("at_once", [1, 7, 50])
def test_what_is_read_is_what_was_written_in_half_precision(tmp_path, small_groups, num_sides, at_once):
    vectors = seen(num_sides)
    folder = write(tmp_path, vectors, at_once)
    found, halved = read_features(folder), vectors.astype(np.float16)
    assert found.dtype == np.float32
    assert np.array_equal(found, halved)
    pieces = list(iter_all_features(folder))
    assert {piece.dtype for piece in pieces} == {np.dtype(np.float16)}
    assert np.array_equal(np.concatenate(pieces), halved)
    assert read_features_shape(folder) == (NUM_IMAGES, num_sides, NUM_FEATURES)
    assert read_columns(folder / "features.parquet", ["product_id"])["product_id"].to_pylist()[-1] == 147


def test_rounding_takes_less_than_a_twentieth_of_a_percent(tmp_path):
    vectors = np.abs(seen()) + 1e-3
    assert (np.abs(read_features(write(tmp_path, vectors)) / vectors - 1) < 0.0005).all()


def test_some_rows_are_read_group_by_group_and_nothing_of_the_others(tmp_path, small_groups, monkeypatch):
    vectors, read = seen(), []
    folder = write(tmp_path, vectors)
    tell = features.read_row_groups
    monkeypatch.setattr(
        features, "read_row_groups", lambda path, file, *what: read.append(what) or tell(path, file, *what)
    )
    rows = np.array([2, 3, 40])
    found = list(iter_features(folder, rows, NUM_IMAGES))
    assert [some.tolist() for some, _ in found] == [[2, 3], [40]]
    assert np.array_equal(np.concatenate([part for _, part in found]), vectors[rows, 0].astype(np.float16))
    assert read == [([0], ("vector",)), ([2], ("vector",))]


def test_features_of_an_earlier_version_are_read_as_they_are(tmp_path):
    vectors = seen(1)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), NUM_FEATURES)
    table = images().append_column("vector", lists)
    write_table(tmp_path / "features.parquet", table, features_schema(NUM_FEATURES, False, pa.float32()))
    assert np.array_equal(read_features(tmp_path), vectors)
    assert np.array_equal(read_features_of(tmp_path, np.ones(NUM_IMAGES, bool)), vectors[:, 0])
    assert np.array_equal(np.concatenate(list(iter_all_features(tmp_path))), vectors.astype(np.float16))


@pytest.mark.parametrize(("factor", "told"), [(1e6, r"up to 2\.\d*e\+06"), (1e-9, r"up to 2\.\d*e-09")])
def test_numbers_that_half_precision_does_not_hold_are_refused(tmp_path, factor, told):
    vectors = np.clip(seen(1), -2.5, 2.5) * factor
    with pytest.raises(
        DataError, match=rf"^the network: makes features of {told}, expected 0.0001 to 65,504: .*weights"
    ):
        write(tmp_path, vectors)


def test_one_number_beyond_half_precision_is_enough_to_refuse(tmp_path):
    vectors = seen(1)
    vectors[30, 0, 2] = -70_000
    with pytest.raises(DataError, match=r"up to 7e\+04, expected"):
        write(tmp_path, vectors)


@pytest.mark.parametrize("value", [0.0, 65_504.0, 1e-4])
def test_the_largest_and_the_smallest_number_are_kept(value):
    column = vector_lists(np.full((2, NUM_FEATURES), value, np.float32), "the network")
    assert np.allclose(column.flatten().to_numpy(), value, rtol=0.0005)


def test_features_of_other_pictures_are_refused(tmp_path):
    folder = write(tmp_path, seen())
    with pytest.raises(
        DataError, match="has the features of 50 pictures, expected those of the 51 that the labels keep"
    ):
        list(iter_features(folder, np.array([3]), 51))


@pytest.mark.parametrize("columns", [
    {"product_id": np.arange(3)},
    {"product_id": np.arange(3), "image_number": np.zeros(3, np.int8), "vector": [[1.0], [2.0], [3.0]]},
    {"product_id": np.arange(3), "image_number": np.zeros(3, np.int8), "vector": [1.0, 2.0, 3.0]},
])  # fmt: skip
def test_a_table_that_is_none_of_features_is_refused(tmp_path, columns):
    table = pa.table(columns)
    write_table(tmp_path / "features.parquet", table, table.schema)
    with pytest.raises(DataError, match=r"features\.parquet: has the columns .*, expected those of features; clear"):
        read_features(tmp_path)
