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
    repeated = repeated_products(np.array([7, 5, 7, 7]), np.array([30, 20, 10, 40]), np.zeros(4, bool))
    assert repeated.tolist() == [True, False, False, True]


def test_of_a_repeated_id_the_first_that_has_a_category_is_kept():
    without = np.array([True, True, False, False, True])
    repeated = repeated_products(np.array([7, 5, 7, 7, 5]), np.array([10, 20, 30, 40, 50]), without)
    assert repeated.tolist() == [True, False, False, True, True]


def test_ids_that_repeat_across_parts_are_refused_in_the_order_of_the_file(part):
    parts = [part("a", 0, [1, 2], [5, 5]), part("b", 1000, [2, 3, 1], [5, 5, 5])]
    assert refused_as_a_whole(parts).offsets.tolist() == [1000, 1200]


@pytest.mark.parametrize(("categories", "num_without"), [([5, None], 1), ([None, None], 2), ([5, 5], 0)])
def test_a_document_without_category_is_kept_and_counted_among_others_and_alone(part, categories, num_without):
    found = refused_as_a_whole([part("a", 0, [1, 2], categories)])
    assert (len(found.offsets), found.num_without_category) == (0, num_without)


def test_a_document_without_category_that_repeats_an_id_is_refused_and_not_counted(part):
    parts = [part("a", 0, [1, 2], [None, None]), part("b", 1000, [1], [5])]
    found = refused_as_a_whole(parts)
    assert (found.offsets.tolist(), found.num_without_category) == ([0], 1)
    (rows,) = rejected_rows(parts, found)
    assert "this one has no category" in rows["detail"][0].as_py()


def test_what_is_refused_as_a_whole_is_a_row_with_its_reason(part):
    parts = [part("a", 0, [1, 1], [5, None])]
    (rows,) = rejected_rows(parts, refused_as_a_whole(parts))
    assert [(row["byte_offset"], row["byte_length"], row["product_id"]) for row in rows.to_pylist()] == [(100, 100, 1)]
