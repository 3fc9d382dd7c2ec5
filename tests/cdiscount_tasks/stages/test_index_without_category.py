"""Products without a category among others: indexed, told, and nothing to learn from."""

from pathlib import Path

import bson
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.profile_file import read_profile
from cdiscount_tasks.stages.index import merge_index
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import RED, draw_jpeg, encode, several


def read(index_dir, name, schema):
    return read_table(Path(index_dir) / f"{name}.parquet", schema).to_pandas()


def test_a_catalogue_without_any_category_is_indexed(index_bytes):
    found = index_bytes(b"".join(encode(number, [draw_jpeg(seed=number)]) for number in range(3)), 0)
    assert (found["num_products"], found["num_categories"], found["num_rejected_documents"]) == (3, 0, 0)
    assert found["num_without_category"] == 3


def test_a_document_without_a_category_takes_no_id_from_one_with_a_category(index_bytes):
    found = index_bytes(encode(2, [draw_jpeg(seed=9)]) + b"".join(several(3)))
    assert (found["num_products"], found["num_rejected_documents"], found["num_without_category"]) == (3, 1, 0)
    (detail,) = read(found["path"], "rejected", REJECTED)["detail"]
    assert detail == "another document of the file has the same _id, and this one has no category"


@pytest.mark.parametrize("null", [False, True])
def test_a_product_without_a_category_is_indexed_with_its_images(index_bytes, null):
    pictures = [draw_jpeg(seed=9), b"no picture", draw_jpeg(seed=10)]
    document = {"_id": 7, "imgs": [{"picture": one} for one in pictures], **({"category_id": None} if null else {})}
    found = index_bytes(bson.encode(document) + b"".join(several(3)), 0.25)
    products, images = read(found["path"], "products", PRODUCTS), read(found["path"], "images", IMAGES)
    assert (products["product_id"].tolist(), images["product_id"].tolist()) == ([0, 1, 2, 7], [0, 1, 2, 7, 7])
    assert products["category_id"].isna().tolist() == [False, False, False, True]
    assert images["category_id"].isna().tolist() == [False, False, False, True, True]
    assert images["image_number"].tolist() == [0, 0, 0, 0, 2]
    assert (found["num_without_category"], found["num_categories"], found["num_rejected_documents"]) == (1, 1, 0)
    assert found["num_rejected_images"] == 1
    assert read_profile(Path(found["path"]))["num_without_category"] == 1


@pytest.mark.parametrize("category_id", ["5", 5.5, True])
def test_a_category_that_is_no_whole_number_is_rejected_whatever_the_others_have(index_bytes, category_id):
    found = index_bytes(b"".join(several(3)) + encode(7, [draw_jpeg(seed=9)], category_id) + encode(8, [draw_jpeg()]))
    assert read(found["path"], "rejected", REJECTED)["reason"].tolist() == ["category_not_an_integer"]
    assert (found["num_products"], found["num_without_category"]) == (4, 1)


def test_too_many_products_without_a_category_are_an_error_for_who_learns_and_none_for_who_predicts(tmp_path):
    path = tmp_path / "catalogue.bson"
    without = b"".join(encode(90 + number, [draw_jpeg(seed=number)]) for number in range(4))
    path.write_bytes(b"".join(several(5)) + without + encode(99, [], RED))
    told = r"1 of 10 documents were rejected.*and 4 have no category to learn from, expected at most 40.00%"
    with pytest.raises(DataError, match=told):
        index_catalogue(path, tmp_path / "work", 0.4)
    found = index_catalogue(path, tmp_path / "work", 1.0)
    assert (found["num_products"], found["num_without_category"]) == (9, 4)
    with pytest.raises(DataError, match=told):
        merge_index(path, tmp_path / "work", 0.4)
    assert merge_index(path, tmp_path / "work", 0.5)["reused"]


def test_products_without_a_category_are_told_in_the_log(index_bytes, caplog):
    caplog.set_level("INFO")
    index_bytes(b"".join(several(3)) + encode(7, [draw_jpeg(seed=9)]))
    assert "1 of 4 products have no category: a model can predict them" in caplog.text
