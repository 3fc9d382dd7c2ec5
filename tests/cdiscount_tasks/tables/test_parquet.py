import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables import schemas
from cdiscount_tasks.tables.parquet import TableWriter, read_rows, read_rows_between, read_table, write_table
from cdiscount_tasks.tables.schemas import CONFLICTS, IMAGES, PRODUCTS, SAMPLE_IMAGES, prediction_schema

HASH = bytes(range(16))


def products(num_rows, categories=None):
    ids = list(range(num_rows))
    return pa.table([ids, categories or ids, [1] * num_rows, ids, [9] * num_rows], schema=PRODUCTS)


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (IMAGES, [7, 0, None, 2**40, 9, 180, 180, HASH]),
        (SAMPLE_IMAGES, [7, 0, 5, b"\xff\xd8", HASH]),
        (CONFLICTS, [HASH, [5, 6], [1, 2, 3], "kept"]),
        (prediction_schema(3, by_image=False), [7, "test", 7, 0, 1, 2, False, [0.5, 0.25, 0.25], 0.5, 0.375, 0.5, 0.5]),
    ],
)
def test_what_is_written_is_read_again(tmp_path, schema, row):
    table = pa.table([[value, value] for value in row], schema=schema)
    assert write_table(tmp_path / "t.parquet", table, schema) == 2
    assert read_table(tmp_path / "t.parquet", schema).equals(table)


ALL_SCHEMAS = {
    **{name: value for name, value in vars(schemas).items() if isinstance(value, pa.Schema)},
    "features": schemas.features_schema(3, mirrored=True),
    "predictions": prediction_schema(3, by_image=False),
    "image predictions": prediction_schema(300, by_image=True),
}
EMPTY_ROWS = {
    "lists": lambda names: {name: [] for name in names},
    "arrays": lambda names: {name: np.array([]) for name in names},
    "frame without types": lambda names: pd.DataFrame({name: [] for name in names}),
    "frame of floats": lambda names: pd.DataFrame({name: np.array([], np.float64) for name in names}),
    "filtered frame": lambda names: pd.DataFrame({name: [None, None] for name in names})[:0],
    "table": lambda names: pa.table({name: pa.array([], pa.null()) for name in names}),
}


@pytest.mark.parametrize("kind", EMPTY_ROWS)
@pytest.mark.parametrize("name", ALL_SCHEMAS)
def test_a_table_without_rows_is_written_and_read(tmp_path, name, kind):
    schema = ALL_SCHEMAS[name]
    assert write_table(tmp_path / "t.parquet", EMPTY_ROWS[kind](schema.names), schema) == 0
    assert read_table(tmp_path / "t.parquet", schema).equals(schema.empty_table())


def test_the_same_rows_make_the_same_bytes(tmp_path):
    for name in "ab":
        write_table(tmp_path / name, products(1000), PRODUCTS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tables_are_zstd_but_for_embedded_jpegs(tmp_path):
    write_table(tmp_path / "t.parquet", pa.table([[7], [0], [5], [b"a"], [HASH]], schema=SAMPLE_IMAGES), SAMPLE_IMAGES)
    group = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0)
    kinds = {group.column(place).path_in_schema: group.column(place).compression for place in range(group.num_columns)}
    assert (kinds.pop("jpeg"), set(kinds.values())) == ("UNCOMPRESSED", {"ZSTD"})


def test_other_columns_than_the_schemas_are_refused_on_reading(tmp_path):
    write_table(tmp_path / "t.parquet", products(3), PRODUCTS)
    with pytest.raises(DataError, match=r"t\.parquet: has the columns .* expected"):
        read_table(tmp_path / "t.parquet", IMAGES)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"t\.parquet: is missing"):
        read_table(tmp_path / "t.parquet", IMAGES)


@pytest.mark.parametrize("left", [0, 4, 11, 300])
def test_a_cut_file_is_named_as_damaged(tmp_path, left):
    write_table(tmp_path / "t.parquet", products(1000), PRODUCTS)
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:left])
    with pytest.raises(DataError, match=r"t\.parquet: is damaged"):
        read_table(tmp_path / "t.parquet", PRODUCTS)


@given(st.data())
def test_a_changed_byte_of_the_pages_is_an_error_and_never_another_table(tmp_path, data):
    path = tmp_path / "t.parquet"
    table = products(200)
    write_table(path, table, PRODUCTS)
    content = bytearray(path.read_bytes())
    footer = 8 + int.from_bytes(content[-8:-4], "little")
    content[data.draw(st.integers(4, len(content) - footer - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        read = read_table(path, PRODUCTS)
    except DataError as error:
        assert "t.parquet: is damaged" in str(error)
    else:
        assert read.equals(table)


@pytest.mark.parametrize("values", [[], [0], [5], [3, 4, 99], [-1], list(range(30))])
@pytest.mark.parametrize("rows_per_group", [1, 4, 100])
def test_read_rows_gives_what_filtering_the_whole_table_gives(tmp_path, values, rows_per_group):
    categories = sorted([0, 0, 0, 3, 3, 5, 7, 7, 9, 12, 12, 12])
    with TableWriter(tmp_path / "t.parquet", PRODUCTS, rows_per_group) as writer:
        writer.write(products(12, categories))
    found = read_rows(tmp_path / "t.parquet", PRODUCTS, "category_id", values)
    assert found["category_id"].to_pylist() == [c for c in categories if c in values]


def test_read_rows_finds_nothing_where_every_value_is_missing(tmp_path):
    write_table(tmp_path / "t.parquet", products(12, [None] * 12), PRODUCTS)
    assert read_rows(tmp_path / "t.parquet", PRODUCTS, "category_id", [5]).num_rows == 0


@pytest.mark.parametrize(("num_classes", "width", "has_top"), [(2, 2, False), (256, 256, False), (257, 10, True)])
def test_predictions_hold_every_class_up_to_256_and_the_top_ten_above(num_classes, width, has_top):
    schema = prediction_schema(num_classes, by_image=True)
    assert schema.field("probabilities").type.list_size == width
    assert ("top_classes" in schema.names) == has_top


@pytest.mark.parametrize("as_table", [pa.table, pd.DataFrame, dict])
def test_a_column_that_the_schema_does_not_know_is_an_error(tmp_path, as_table):
    columns = {
        "product_id": [1],
        "category_id": [2],
        "num_images": [1],
        "offset": [0],
        "length": [9],
        "colour": ["red"],
    }
    with pytest.raises(ValueError, match=r"'colour'.*select those"):
        write_table(tmp_path / "t.parquet", as_table(columns), PRODUCTS)


@pytest.mark.parametrize("rows_per_group", [1, 4, 100])
@pytest.mark.parametrize(("start", "stop"), [(0, 20), (3, 11), (7, 7), (19, 50), (20, 30), (-5, 1)])
def test_rows_between_two_values_are_read_whatever_the_order(tmp_path, rows_per_group, start, stop):
    offsets = np.random.default_rng(0).permutation(20).tolist()
    rows = pa.table([list(range(20)), [None] * 20, [1] * 20, offsets, [9] * 20], schema=PRODUCTS)
    write_table(tmp_path / "t.parquet", rows, PRODUCTS, rows_per_group)
    found = read_rows_between(tmp_path / "t.parquet", PRODUCTS, "offset", start, stop)
    assert found.schema == PRODUCTS
    assert found["offset"].to_pylist() == [one for one in offsets if start <= one < stop]


def test_rows_in_which_a_value_is_missing_are_between_none(tmp_path):
    offsets = [None, 0, None, None, 3, None]
    columns = {name: [None] * 6 for name in ("byte_length", "product_id", "image_number")}
    texts = {name: ["x"] * 6 for name in ("stage", "reason", "detail")}
    write_table(tmp_path / "t.parquet", {**columns, **texts, "byte_offset": offsets}, schemas.REJECTED, 2)
    found = read_rows_between(tmp_path / "t.parquet", schemas.REJECTED, "byte_offset", 0, 9)
    assert found["byte_offset"].to_pylist() == [0, 3]
    with pytest.raises(DataError, match="has the columns"):
        read_rows_between(tmp_path / "t.parquet", PRODUCTS, "offset", 0, 9)


def test_of_an_empty_table_no_rows_are_between(tmp_path):
    write_table(tmp_path / "t.parquet", PRODUCTS.empty_table(), PRODUCTS)
    assert len(read_rows_between(tmp_path / "t.parquet", PRODUCTS, "offset", 0, 9)) == 0
