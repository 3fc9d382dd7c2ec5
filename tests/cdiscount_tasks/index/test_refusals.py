import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.index.refusals import refused_as_a_whole, rejected_rows, repeated_products
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import PRODUCTS, REJECTED


@pytest.fixture
def part(tmp_path):
    """Write the tables of a scanned part: products of 100 bytes from an offset on, and no rejected rows."""

    def write(name, first_offset, product_ids, category_ids):
        folder = tmp_path / name
        folder.mkdir()
        places = [first_offset + 100 * number for number in range(len(product_ids))]
        columns = [product_ids, category_ids, [1] * len(places), places, [100] * len(places)]
        names = ["product_id", "category_id", "num_images", "offset", "length"]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        products = pa.Table.from_pylist(rows, PRODUCTS)
        write_table(folder / "products.parquet", products, PRODUCTS)
        write_table(folder / "rejected.parquet", REJECTED.empty_table(), REJECTED)
        return folder

    return write


def test_of_a_repeated_id_the_first_in_the_file_is_kept():
    repeated = repeated_products(np.array([7, 5, 7, 7]), np.array([30, 20, 10, 40]))
    assert repeated.tolist() == [True, False, False, True]


def test_ids_that_repeat_across_parts_are_refused_in_the_order_of_the_file(part):
    parts = [part("a", 0, [1, 2], [5, 5]), part("b", 1000, [2, 3, 1], [5, 5, 5])]
    assert refused_as_a_whole(parts).offsets.tolist() == [1000, 1200]


def test_a_document_without_category_among_others_is_refused(part):
    assert refused_as_a_whole([part("a", 0, [1, 2], [5, None])]).offsets.tolist() == [100]


def test_a_catalogue_without_categories_as_a_whole_is_kept(part):
    assert len(refused_as_a_whole([part("a", 0, [1, 2], [None, None])]).offsets) == 0


def test_what_is_refused_as_a_whole_is_a_row_with_its_reason(part):
    parts = [part("a", 0, [1, 1], [5, None])]
    (rows,) = rejected_rows(parts, refused_as_a_whole(parts))
    assert [(row["byte_offset"], row["byte_length"], row["product_id"]) for row in rows.to_pylist()] == [(100, 100, 1)]
