import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.index import merge as index_merge
from cdiscount_tasks.index.merge import merge_sorted
from cdiscount_tasks.tables.numbers import empty_table
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.schemas import PRODUCTS

KEYS = [("category_id", "ascending"), ("product_id", "ascending"), ("offset", "ascending")]


def part(first, categories, product_ids=None):
    """Return a part's products, sorted as a scan leaves them."""
    n = len(categories)
    ids = np.arange(first, first + n) if product_ids is None else product_ids
    columns = {
        "product_id": pa.array(ids, pa.int64()),
        "category_id": pa.array(categories, pa.int64()),
        "num_images": pa.array([1] * n, pa.int8()),
        "offset": pa.array(range(1000 * first, 1000 * (first + n), 1000), pa.int64()),
        "length": pa.array([900] * n, pa.int32()),
    }
    return pa.table(columns, schema=PRODUCTS).sort_by(KEYS)


@pytest.fixture
def merge(tmp_path, monkeypatch):
    def run(parts, rows_per_stretch=7, rows_per_part_group=3):
        monkeypatch.setattr(index_merge, "_ROWS_PER_STRETCH", rows_per_stretch)
        paths = [tmp_path / f"{number}.parquet" for number in range(len(parts))]
        for path, rows in zip(paths, parts, strict=True):
            write_table(path, rows, PRODUCTS, rows_per_part_group)
        num_rows = merge_sorted(paths, PRODUCTS, tmp_path / "merged.parquet", lambda rows: rows)
        merged = read_table(tmp_path / "merged.parquet", PRODUCTS)
        assert num_rows == len(merged)
        return merged

    return run


@pytest.mark.parametrize("rows_per_stretch", [1, 7, 1000])
@pytest.mark.parametrize("share_without", [0.0, 0.3, 1.0])
def test_parts_are_merged_as_if_they_were_sorted_together(merge, rows_per_stretch, share_without):
    rng = np.random.default_rng(0)
    parts = []
    for number in range(5):
        categories = [None if rng.random() < share_without else int(c) for c in rng.integers(-3, 9, 40)]
        parts.append(part(100 * number, categories))
    assert merge(parts, rows_per_stretch) == pa.concat_tables(parts).sort_by(KEYS).combine_chunks()


def test_the_smallest_and_the_largest_category_id_are_kept(merge):
    extremes = [-(1 << 63) + 1, 0, (1 << 63) - 1]
    assert merge([part(0, extremes), part(10, extremes)])["category_id"].to_pylist() == sorted(extremes * 2)


def test_product_ids_that_do_not_ascend_through_the_file_are_sorted(merge):
    parts = [part(0, [1] * 6, [9, 7, 5, 3, 2, 1]), part(10, [1] * 6, [8, 6, 5, 4, 3, 0])]
    assert merge(parts) == pa.concat_tables(parts).sort_by(KEYS).combine_chunks()


def test_parts_without_rows_are_nothing(merge):
    assert merge([empty_table(PRODUCTS), part(0, [2, 1]), empty_table(PRODUCTS)])["category_id"].to_pylist() == [1, 2]


def test_no_rows_at_all_are_an_empty_table(merge):
    assert len(merge([empty_table(PRODUCTS)])) == 0


def test_a_part_that_is_not_sorted_loses_no_row_in_silence(merge):
    shuffled = part(0, [5, 1, 9, 2, 8, 3, 7, 4]).sort_by("product_id")
    with pytest.raises(ValueError, match="not sorted by category_id"):
        merge([shuffled], rows_per_stretch=2)
