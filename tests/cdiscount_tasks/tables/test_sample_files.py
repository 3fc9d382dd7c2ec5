import os

import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables import sample_files as module
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.sample_files import sample_files
from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES, SAMPLE_PLACES, SAMPLE_PRODUCTS
from tests.material.left_images import write_places

KEYS = [(row // 2, row % 2) for row in range(11)]
BLOBS = [b"x"] * 11


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a sample with row groups of two, in files of five rows."""
    return write_places(tmp_path / "sample-0", KEYS, BLOBS, list(range(11)), rows_per_group=2, rows_per_file=5)


def test_row_groups_and_products_are_those_of_the_files(folder):
    found = sample_files(folder)
    assert found.in_catalogue
    assert found.starts == (0, 2, 4, 5, 7, 9, 10, 11)
    assert [found.group_of(row) for row in range(11)] == [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6]
    assert [file.product_ids for file in found.files] == [(0, 2), (2, 4), (5, 5)]


def test_footers_are_read_once_until_a_file_changes(folder, monkeypatch):
    opened, open_table = [], module.open_table
    monkeypatch.setattr(module, "open_table", lambda path: opened.append(path.name) or open_table(path))
    assert sample_files(folder) is sample_files(folder)
    assert len(opened) == 3
    os.utime(folder / "images-00005.parquet", ns=(1, 1))
    sample_files(folder)
    assert len(opened) == 6


def test_a_damaged_footer_is_said(folder):
    path = folder / "images-00005.parquet"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"images-00005\.parquet: is damaged"):
        sample_files(folder)


def test_a_folder_without_image_files_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no file images-\*\.parquet, expected at least one"):
        sample_files(tmp_path)


def test_a_file_of_other_columns_is_said(folder):
    write_table(folder / "images-00003.parquet", {name: [] for name in SAMPLE_PRODUCTS.names}, SAMPLE_PRODUCTS)
    with pytest.raises(DataError, match=r"images-00003\.parquet: has the columns .*num_images.*, expected .* or "):
        sample_files(folder)


def test_copied_images_beside_places_are_said(folder):
    write_table(folder / "images-00020.parquet", {name: [] for name in SAMPLE_IMAGES.names}, SAMPLE_IMAGES)
    with pytest.raises(DataError, match=r"images-00020\.parquet: has other columns than the files before it"):
        sample_files(folder)


def test_files_without_rows_may_hold_anything(tmp_path):
    write_table(tmp_path / "images-00000.parquet", {name: [] for name in SAMPLE_PLACES.names}, SAMPLE_PLACES)
    (file,) = sample_files(tmp_path).files
    assert file.product_ids == (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
