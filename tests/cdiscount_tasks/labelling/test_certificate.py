import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.labelling.certificate import ceiling, certify, leak_of_random_splits
from cdiscount_tasks.labelling.split import Split
from cdiscount_tasks.settings.sample import SplitConfig


def tables(rows):
    """Make products and images from (product_id, class_index, group_id, split, pictures)."""
    names = ["product_id", "class_index", "group_id", "split"]
    products = pd.DataFrame([row[:4] for row in rows], columns=names)
    images = pd.DataFrame([(*row[:4], picture) for row in rows for picture in row[4]], columns=[*names, "picture"])
    images["content_hash"] = images["pixel_hash"] = [b"%016d" % picture for picture in images.pop("picture")]
    return products, images


ROWS = [(1, 0, 1, "train", [1, 2]), (2, 0, 1, "train", [2]), (3, 1, 3, "validation", [3]), (4, 1, 4, "test", [4])]


def split_of(products, giants=()):
    return Split(products["split"], tuple(giants), (), ())


def certificate_of(rows, giants=(), config=SplitConfig()):  # noqa: B008 - it never changes
    products, images = tables(rows)
    return certify(products, images, split_of(products, giants), config)


def test_a_sound_split_shares_nothing():
    found = certificate_of(ROWS)
    assert (found["shared_content_hashes"], found["shared_pixel_hashes"], found["num_straddling_groups"]) == (0, 0, 0)


def test_a_picture_in_two_splits_is_counted():
    found = certificate_of([*ROWS, (5, 0, 5, "test", [1, 2])])
    assert (found["shared_content_hashes"], found["shared_pixel_hashes"], found["num_straddling_groups"]) == (2, 2, 0)


@pytest.mark.parametrize(("column", "counts"), [("content_hash", (0, 1)), ("pixel_hash", (1, 0))])
def test_bytes_and_pixels_in_two_splits_are_counted_apart(column, counts):
    products, images = tables([*ROWS, (5, 0, 5, "test", [1])])
    images[column] = [b"%016d" % number for number in range(len(images))]
    found = certify(products, images, split_of(products), SplitConfig())
    assert (found["shared_content_hashes"], found["shared_pixel_hashes"]) == counts


def test_a_group_in_two_splits_is_counted():
    assert certificate_of([*ROWS, (5, 0, 1, "test", [9])])["num_straddling_groups"] == 1


def test_counts_by_split_add_up():
    found = certificate_of(ROWS)
    assert found["num_products"] == {"train": 2, "validation": 1, "test": 1}
    assert found["num_images"] == {"train": 3, "validation": 1, "test": 1}
    assert found["num_groups"] == {"train": 1, "validation": 1, "test": 1}


def test_the_largest_group_of_each_class_is_named():
    largest = certificate_of([*ROWS, (5, 1, 4, "test", [5])], giants=[1])["largest_groups"]
    assert [(row["class_index"], row["group_id"], row["num_products"], row["moved_to_train"]) for row in largest] == [
        (0, 1, 2, True), (1, 4, 2, False)
    ]  # fmt: skip


def test_without_copies_no_split_leaks():
    _, images = tables([(number, 0, number, "train", [number]) for number in range(200)])
    assert leak_of_random_splits(images, SplitConfig()) == {"by_product": 0.0, "by_image": 0.0}


def test_where_every_picture_stands_in_two_products_most_of_a_random_test_split_leaks():
    _, images = tables([(number, 0, number, "train", [number // 2]) for number in range(2000)])
    leak = leak_of_random_splits(images, SplitConfig())
    # The other copy is in train with the chance of train's share.
    assert leak["by_product"] == pytest.approx(0.7, abs=0.05)
    assert leak["by_image"] == pytest.approx(0.7, abs=0.05)


def test_the_leak_is_the_same_every_time():
    _, images = tables([(number, 0, number, "train", [number // 3]) for number in range(300)])
    assert leak_of_random_splits(images, SplitConfig()) == leak_of_random_splits(images, SplitConfig())


@pytest.mark.parametrize(
    ("rows", "value", "product"),
    [
        ([(1, 0, 1, "test", [1]), (2, 0, 1, "test", [1])], 1.0, 1.0),
        ([(1, 0, 1, "test", [1]), (2, 1, 1, "test", [1])], 0.5, 0.5),
        ([(1, 0, 1, "test", [1]), (2, 1, 1, "test", [1]), (3, 0, 1, "test", [1]), (4, 1, 4, "test", [4])], 0.75, 0.75),
        ([(1, 0, 1, "test", [1]), (2, 1, 1, "test", [1, 2])], 2 / 3, 1.0),
        ([(1, 0, 1, "train", [1]), (2, 1, 1, "test", [1])], 1.0, 1.0),
    ],
)
def test_the_ceiling_is_what_contradicting_copies_of_test_leave(rows, value, product):
    found = ceiling(*tables(rows))
    assert np.allclose([found["value"], found["product"]], [value, product])


def test_giants_are_counted():
    assert certificate_of(ROWS, giants=[1, 7])["num_giant_groups"] == 2


def test_the_leak_beside_a_split_file_is_that_of_splits_with_the_files_own_shares():
    # Every picture stands in two products: the other copy is in train with the chance of train's share.
    splits = ["train"] * 200 + ["validation"] * 300 + ["test"] * 1500
    rows = [(number, 0, number, split, [number // 2]) for number, split in enumerate(splits)]
    assert certificate_of(rows)["leak"]["by_product"] == pytest.approx(0.7, abs=0.05)
    assert certificate_of(rows, config=SplitConfig(file="splits.csv"))["leak"]["by_product"] == pytest.approx(
        0.1, abs=0.05
    )
