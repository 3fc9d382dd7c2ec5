import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cdiscount_tasks.tables.known_images import look_up_products
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import LABEL_IMAGES

KNOWN = [
    (1, 0, "train", 10),
    (2, 0, "test", 20),
    (2, 1, "test", 21),
    (3, 0, "validation", 30),
    (4, 0, "test", 40),
    (4, 1, "train", 41),
    (5, 0, "train", 50),
]


COLUMNS = ["product_id", "split", "content_hash"]


def digest(number):
    return bytes([number]) * 16


@pytest.fixture
def look_up(tmp_path):
    """Look {product_id: numbers of its images} up among KNOWN; returns {product_id: (copy, split)}."""
    ids, numbers, splits, hashes = zip(*KNOWN, strict=True)
    columns = {name: [0] * len(ids) for name in LABEL_IMAGES.names}
    columns |= {"product_id": ids, "image_number": numbers, "split": splits, "content_hash": list(map(digest, hashes))}
    columns |= {"pixel_hash": columns["content_hash"], "learnt": [True] * len(ids)}
    write_table(tmp_path / "images.parquet", columns, LABEL_IMAGES)

    def run(asked, before=()):
        rows = [(place, one, digest(image)) for place, one in enumerate(asked) for image in asked[one]]
        products = pa.table({"product_id": pa.array(list(asked), pa.int64())})
        images = {"product_id": pa.array([row[1] for row in rows], pa.int64())}
        images |= {"content_hash": pa.array([row[2] for row in rows], pa.binary(16))}
        places = np.array([row[0] for row in rows], np.int64)
        found = look_up_products(tmp_path, products, pa.table(images), places, pd.DataFrame(before, columns=COLUMNS))
        return dict(zip(asked, zip(found.copy_of_train.tolist(), found.known_split, strict=True), strict=True))

    return run


def test_a_product_with_an_image_of_train_is_a_copy(look_up):
    assert look_up({7: [99, 50], 8: [98], 9: [20]}) == {7: (True, None), 8: (False, None), 9: (False, None)}


def test_a_product_is_known_by_its_id_and_one_of_its_images(look_up):
    assert look_up({3: [77, 30], 2: [21]}) == {3: (False, "validation"), 2: (False, "test")}


def test_the_id_of_a_known_product_with_other_images_is_a_new_product(look_up):
    assert look_up({1: [99], 2: [10]}) == {1: (False, None), 2: (True, None)}


def test_of_a_product_whose_images_were_split_the_split_that_was_learnt_from_counts(look_up):
    assert look_up({4: [40, 41]}) == {4: (True, "train")}


def test_products_without_images_and_no_products_are_new(look_up):
    assert look_up({1: []}) == {1: (False, None)}
    assert look_up({}) == {}


def test_what_the_model_knows_through_the_one_that_it_began_with_counts_too(look_up):
    before = [(60, "train", digest(70)), (61, "validation", digest(71))]
    found = look_up({60: [70], 8: [70], 61: [71], 9: [71]}, before)
    assert found == {60: (True, "train"), 8: (True, None), 61: (False, "validation"), 9: (False, None)}
