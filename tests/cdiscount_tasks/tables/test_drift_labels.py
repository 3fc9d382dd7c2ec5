import pandas as pd
import pytest

from cdiscount_tasks.tables.drift_labels import (
    DriftLabels,
    count_moved,
    find_changed,
    list_classes,
    read_drift_labels,
)


def labels(products, pictures, names):
    """Make labels of (product_id, category_id, group_id), the looks of each product's pictures, and the names."""
    frame = pd.DataFrame(products, columns=["product_id", "category_id", "group_id"]).assign(split="train")
    rows = [(product, number, look) for product, looks in pictures.items() for number, look in enumerate(looks)]
    images = pd.DataFrame(rows, columns=["product_id", "image_number", "pixel_hash"])
    return DriftLabels(frame, images, pd.Series(names))


BEFORE = labels(
    [(1, 10, 1), (2, 10, 1), (3, 20, 3), (4, 20, 4)],
    {1: [b"a"], 2: [b"a", b"b"], 3: [b"c"], 4: [b"d"]},
    {10: "RED", 20: "GREEN"},
)
NOW = labels(
    [(1, 10, 1), (2, 10, 2), (3, 30, 3), (5, 10, 5)],
    {1: [b"a", b"a"], 2: [b"x", b"b"], 3: [b"c"], 5: [b"e"]},
    {10: "CRIMSON", 30: "BLUE"},
)


def test_a_product_has_changed_where_a_picture_came_or_went():
    """The same picture twice is the same picture."""
    assert find_changed(BEFORE, NOW).tolist() == [2]
    assert find_changed(BEFORE, BEFORE).tolist() == []


def test_classes_of_either_side_are_listed_with_products_groups_and_their_name_of_now():
    assert list_classes(BEFORE, NOW).reset_index().to_dict("records") == [
        {"category_id": 10, "products_before": 2, "groups_before": 1, "products_now": 3, "groups_now": 3,
         "name": "CRIMSON"},
        {"category_id": 20, "products_before": 2, "groups_before": 2, "products_now": 0, "groups_now": 0,
         "name": "GREEN"},
        {"category_id": 30, "products_before": 0, "groups_before": 0, "products_now": 1, "groups_now": 1,
         "name": "BLUE"},
    ]  # fmt: skip


def test_products_of_both_are_counted_by_their_two_categories():
    rows = count_moved(BEFORE, NOW)
    assert list(rows.itertuples(index=False, name=None)) == [(10, 10, 2), (20, 30, 1)]


def test_the_images_of_a_product_are_found():
    first, num = BEFORE.images_of(BEFORE.products["product_id"].to_numpy())
    assert (first.tolist(), num.tolist()) == ([0, 1, 3, 4], [1, 2, 1, 1])


@pytest.mark.slow
def test_labels_are_read_as_they_are(labels_dir):
    read, again = read_drift_labels(labels_dir, labels_dir)
    products = pd.read_parquet(labels_dir / "products.parquet")
    assert read.products["product_id"].tolist() == sorted(products["product_id"])
    assert len(read.images) == len(pd.read_parquet(labels_dir / "images.parquet"))
    assert read.images.equals(again.images)
    assert read.names.index.tolist() == sorted(products["category_id"].unique())
