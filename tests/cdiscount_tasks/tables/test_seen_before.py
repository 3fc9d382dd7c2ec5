import pandas as pd
import pytest

from cdiscount_tasks.tables.seen_before import find_known, is_known, read_seen, read_seen_before, write_seen_before
from tests.material.judged_models import digest, ids_of, images_of, make_products, write_labels, write_model


def seen(**split_of):
    """Return an image of each product; `_7_1004=...` is of product 7 and shows the image of product 1004."""
    ids = [one[1:].split("_") for one in split_of]
    rows = {"product_id": [int(one[0]) for one in ids], "split": list(split_of.values())}
    hashes = [digest(one[-1]) for one in ids]
    return pd.DataFrame({**rows, "content_hash": hashes, "pixel_hash": hashes})


@pytest.fixture
def products():
    """Return groups of two products: 1000 in train, 1002 in validation, 1004 in test, and so on."""
    return make_products(6)


@pytest.mark.parametrize(("of_then", "known"), [
    ({"_1004": "train"}, [1004, 1005]),
    ({"_1004": "validation"}, [1004, 1005]),
    ({"_1004": "test"}, []),
    ({"_1002": "train"}, [1002, 1003]),
    ({"_1002": "validation"}, []),
    ({"_1000": "train"}, []),
    ({"_77": "train"}, []),
    ({"_1005": "train", "_1010": "validation"}, [1004, 1005, 1010, 1011]),
    ({"_7_1004": "train"}, [1004, 1005]),  # the product that was learnt from is not in the sample any more
    ({"_7_1004": "test"}, []),
    ({"_7_1003": "train"}, [1002, 1003]),
    ({"_7_1003": "validation"}, []),
])  # fmt: skip
def test_what_was_seen_in_an_earlier_split_is_known_with_its_whole_group(products, of_then, known):
    assert (
        products.loc[
            is_known(products, images_of(products.assign(class_index=0)), seen(**of_then)), "product_id"
        ].tolist()
        == known
    )


def test_a_model_that_began_with_none_has_seen_its_own_train_and_validation(tmp_path, products):
    labels_dir, model_dir = write_labels(tmp_path, products), write_model(tmp_path, products, "one")
    before = read_seen_before(model_dir)
    assert before.empty and list(before.columns) == ["product_id", "split", "content_hash", "pixel_hash"]
    found = read_seen(model_dir, labels_dir)
    assert found["product_id"].tolist() == [1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009]
    assert found["split"].tolist() == ["train", "train", "validation", "validation"] * 2


def test_what_the_models_before_have_seen_adds_up_and_train_counts_before_validation(tmp_path, products):
    first_labels, first = write_labels(tmp_path / "a", products), write_model(tmp_path, products, "one")
    second = write_model(tmp_path, products, "two")
    write_seen_before(second, first, first_labels)
    moved = products.assign(split=products["split"].map({"train": "test", "validation": "train", "test": "validation"}))
    found = read_seen(second, write_labels(tmp_path / "b", moved, "moved")).set_index("product_id")["split"]
    assert found[ids_of(products, "train")].unique().tolist() == ["train"]  # of the first, in test now
    assert found[ids_of(products, "validation")].unique().tolist() == ["train"]  # validation then, train now
    assert found[ids_of(products, "test")].unique().tolist() == ["validation"]


def test_the_same_pixels_in_other_bytes_are_known_too(products):
    images = images_of(products.assign(class_index=0))
    old = seen(_7_1004="train").assign(content_hash=[digest(1)])
    assert products.loc[is_known(products, images, old), "product_id"].tolist() == [1004, 1005]


def test_the_images_of_now_are_those_of_the_labels(tmp_path, products):
    labels_dir = write_labels(tmp_path, products)
    assert products.loc[find_known(labels_dir, products, seen(_7_1004="train")), "product_id"].tolist() == [1004, 1005]
    assert not find_known(tmp_path / "not read", products, seen()).any()


def test_what_was_seen_is_sorted_as_pandas_sorts_it_and_each_image_of_a_product_is_there_once(tmp_path, products):
    labels_dir = write_labels(tmp_path, products)
    first, second = write_model(tmp_path, products, "one"), write_model(tmp_path, products, "two")
    write_seen_before(second, first, labels_dir)
    found = read_seen(second, labels_dir)  # all of it twice: of its own labels, and of the model before
    assert found.equals(found.sort_values(["product_id", "content_hash", "split"], ignore_index=True))
    assert found.equals(read_seen(first, labels_dir))
    assert not found.duplicated(["product_id", "content_hash"]).any()


def test_of_no_image_nothing_was_seen(tmp_path, products):
    tested = products.assign(split="test")
    assert read_seen(write_model(tmp_path, tested, "one"), write_labels(tmp_path, tested)).empty
