"""The real example: 82 documents of the catalogue, where CDISCOUNT_TEST_DATA has them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import IMAGES
from tests.material.indexing import index_catalogue


@pytest.fixture(scope="module")
def catalogue_path(real_data):
    return real_data("cdiscount/train_example.bson")


@pytest.fixture(scope="module")
def index(catalogue_path, tmp_path_factory):
    return index_catalogue(catalogue_path, tmp_path_factory.mktemp("real"), 0)


def test_the_real_example_has_its_known_counts(index):
    names = ("num_documents", "num_products", "num_images", "num_distinct_images", "num_categories")
    assert [index[name] for name in names] == [82, 82, 110, 109, 36]
    assert (index["num_rejected_documents"], index["num_rejected_images"], index["origin"]) == (0, 0, "file")


def test_every_byte_range_of_the_real_example_is_a_picture_of_180_pixels(index, catalogue_path):
    data = catalogue_path.read_bytes()
    for row in read_table(Path(index["path"]) / "images.parquet", IMAGES).to_pylist():
        with Image.open(io.BytesIO(data[row["offset"] : row["offset"] + row["length"]])) as picture:
            picture.load()
            assert (picture.format, picture.size, (row["width"], row["height"])) == ("JPEG", (180, 180), (180, 180))


def test_the_real_names_are_read_whole(real_data):
    names = read_category_names(real_data("cdiscount/category_names.csv"))
    assert names[1000003400].level3 == "VIN ROUGE"
    assert len(names._names) == 5270


def test_the_real_clothing_catalogue_has_its_known_counts(real_data, tmp_path):
    found = index_catalogue(real_data("clothing/catalogue.bson"), tmp_path, 0)
    assert (found["num_products"], found["num_images"], found["num_categories"]) == (2199, 3781, 10)
