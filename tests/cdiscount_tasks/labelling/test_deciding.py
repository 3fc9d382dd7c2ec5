import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.errors import ClassError
from cdiscount_tasks.labelling.deciding import Given, settle, split_classes
from cdiscount_tasks.labelling.keeping import FixedSplit
from cdiscount_tasks.labelling.rejections import Rejections
from cdiscount_tasks.settings.sample import LabelConfig

PLENTY = [(category, 100 * category + number) for category in (1, 2) for number in range(40)]
"""Two classes whose products are groups of their own: category_id, group_id."""


def make_products(rows):
    """Products 0, 1, ... of the given category_id and group_id."""
    table = pd.DataFrame(rows, columns=["category_id", "group_id"])
    return table.assign(product_id=np.arange(len(table)))


def make_given(products, images=None, fixed_split=None, **rules):
    """One distinct image a product, or the distinct image of each product in `images`."""
    image = np.arange(len(products)) if images is None else np.array(images)
    hashes = [int(number).to_bytes(16) for number in image]
    table = products[["product_id", "category_id"]].assign(
        image_number=0, image=image, content_hash=hashes, pixel_hash=hashes, perceptual_hash=0
    )
    outside = pd.DataFrame({"image": [], "product_id": [], "category_id": []}, dtype="int64")
    return Given(table, outside, None, fixed_split, LabelConfig(categories=None, **rules), {})


def test_a_class_that_cannot_be_split_goes_and_what_it_was_tied_to_stays():
    products = make_products([*PLENTY, (3, 900), (3, 901), (4, 900), (4, 901), (4, 902)])
    given, rejections = make_given(products, small_classes="reject"), Rejections()
    kept, class_ids, _ = split_classes(products, [1, 2, 3, 4], given, rejections)
    assert class_ids == [1, 2, 4]
    assert set(kept["category_id"]) == {1, 2, 4}
    assert set(kept.loc[kept["category_id"] == 4, "split"]) == {"train", "validation", "test"}
    assert [row["product_id"] for row in rejections.rows] == [80, 81]
    assert rejections.counts(images=False) == {"small_class": 2}


def test_where_it_is_an_error_no_class_goes():
    products = make_products([*PLENTY, (3, 900), (3, 901)])
    with pytest.raises(ClassError, match="category 3 has no group for the"):
        split_classes(products, [1, 2, 3], make_given(products), Rejections())


def test_what_a_split_file_does_not_name_is_rejected_once_however_often_it_is_split():
    products = make_products([*PLENTY, *[(3, 900 + number) for number in range(4)]])
    # Each picture of class 3 stands in class 1 too.
    images = [*range(80), 0, 1, 2, 3]
    splits = pd.Series(["train", "validation", "test", "train"] * 21, index=products["product_id"]).drop(79)
    given = make_given(products, images, FixedSplit(None, splits), small_classes="reject")
    rejections = Rejections()
    kept, class_ids, split = split_classes(products, [1, 2, 3], given, rejections)
    assert class_ids == [1, 2]
    assert rejections.counts(images=False) == {"not_in_split_file": 1, "small_class": 4}
    decided = settle(kept, class_ids, split, given)
    conflicted = decided.products.set_index("product_id")["conflicted"]
    assert conflicted[[0, 1, 2, 3]].all()
    assert not conflicted[range(4, 79)].any()
    assert decided.classes["category_id"].tolist() == [1, 2]
