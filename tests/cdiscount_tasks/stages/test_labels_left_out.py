"""What a sample's labels leave out, placeholders and small classes, and what that still claims."""

import pytest

from cdiscount_tasks.errors import DataError
from tests.material.label_tables import read, read_json
from tests.material.tiny_catalogue import (
    BLUE,
    CATEGORIES,
    GREEN,
    RED,
    TinyCatalogue,
    catalogue_of,
    draw_jpeg,
    plain,
    same_pixels_other_bytes,
    undecodable,
)


def test_a_picture_in_too_many_products_is_a_placeholder_and_ties_nothing(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200)
    rows = [(product, category, [*seeds, 7]) for product, category, seeds in rows] + [(300, RED, [7])]
    found = label_catalogue(catalogue_of(rows), max_products_per_image=20)
    assert (found["num_groups"], found["num_images"], found["num_rejected_images"]) == (24, 24, 25)
    assert read_json(found["path"], "counts")["placeholders"] == {"num_images": 25, "num_distinct": 1}
    assert read_json(found["path"], "counts")["rejected_products"] == {"no_image_left": 1}


def test_a_picture_in_too_many_products_of_the_whole_catalogue_is_a_placeholder_of_the_sample(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + plain(BLUE, 20, 300)
    rows = [(product, category, [*seeds, 7] if product % 100 < 2 else seeds) for product, category, seeds in rows]
    rows += [(400 + number, BLUE, [7]) for number in range(17)]
    found = label_catalogue(catalogue_of(rows), categories=[RED, GREEN], max_products_per_image=23)
    assert found["num_rejected_images"] == 0
    found = label_catalogue(catalogue_of(rows), categories=[RED, GREEN], max_products_per_image=22)
    assert read_json(found["path"], "counts")["placeholders"] == {"num_images": 4, "num_distinct": 1}
    rejected = read(found["path"], "rejected")
    assert set(rejected["detail"]) == {"the same picture stands in 23 products of the catalogue, expected at most 22"}


def test_a_picture_in_as_many_products_as_are_allowed_stays(label_catalogue):
    rows = [
        (product, category, [*seeds, 7 + (category == GREEN)])
        for product, category, seeds in plain(RED, 3, 100) + plain(GREEN, 3, 200)
    ]
    rows += plain(RED, 30, 300) + plain(GREEN, 30, 400)
    assert label_catalogue(catalogue_of(rows), max_products_per_image=3)["num_rejected_images"] == 0


def test_a_class_with_fewer_than_three_groups_is_an_error_that_names_it(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, BLUE, [1]), (301, BLUE, [1]), (302, BLUE, [2])]
    with pytest.raises(DataError, match=rf"fewer than 3 groups .*: {BLUE} \({BLUE}: 2\); .* small_classes: reject"):
        label_catalogue(catalogue_of(rows))


def test_a_small_class_may_be_left_out(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + plain(BLUE, 2, 300)
    found = label_catalogue(catalogue_of(rows), small_classes="reject")
    assert read(found["path"], "classes")["category_id"].tolist() == [RED, GREEN]
    assert read_json(found["path"], "counts")["rejected_products"] == {"small_class": 2}


def test_a_class_that_was_left_out_still_claims_its_pictures(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, BLUE, [100])]
    found = read(label_catalogue(catalogue_of(rows), small_classes="reject")["path"], "products").set_index(
        "product_id"
    )
    assert found.loc[100, "conflicted"]


def test_other_bytes_of_a_picture_in_a_class_that_was_left_out_claim_it_too(label_catalogue):
    made = catalogue_of(plain(RED, 12, 100) + plain(GREEN, 12, 200))
    made.add(300, BLUE, [same_pixels_other_bytes(draw_jpeg(RED, 100, size=16))])
    path = label_catalogue(made, small_classes="reject")["path"]
    assert read(path, "products").set_index("product_id").loc[100, "conflicted"]
    assert read(path, "conflicts")[["category_ids", "product_ids"]].map(list).to_numpy().tolist() == [
        [[RED, BLUE], [100, 300]]
    ]


def emptied_class():
    """BLUE has three groups of two products each; each picture of it stands in RED too."""
    rows = plain(RED, 40, 100) + plain(GREEN, 40, 200)
    return catalogue_of(rows + [(300 + number, BLUE, [100 + number // 2]) for number in range(6)])


def test_a_class_of_which_nothing_is_left_to_learn_may_be_left_out(label_catalogue):
    with pytest.raises(DataError, match=rf"category {BLUE} has no product left to learn from after .* conflicts; keep"):
        label_catalogue(emptied_class())
    found = label_catalogue(emptied_class(), small_classes="reject")
    assert read(found["path"], "classes")["category_id"].tolist() == [RED, GREEN]
    rejected = read(found["path"], "rejected")
    assert set(rejected["product_id"]) == set(range(300, 306))
    assert set(rejected["reason"]) == {"small_class"}
    assert set(rejected["detail"]) == {"each image of its class in train is in products of other categories too"}
    assert read(found["path"], "products").set_index("product_id").loc[100, "conflicted"]


@pytest.mark.parametrize("policy", ["keep", "majority"])
def test_which_classes_are_left_out_does_not_depend_on_what_is_done_about_conflicts(label_catalogue, policy):
    found = label_catalogue(emptied_class(), small_classes="reject", conflicts=policy)
    assert read(found["path"], "classes")["category_id"].tolist() == [RED, GREEN]


def test_classes_that_are_tied_too_closely_to_be_split_may_be_left_out(label_catalogue):
    rows = plain(RED, 40, 100) + plain(GREEN, 40, 200)
    # Three groups of their own would do; two of the three are one, by a picture that they share through RED.
    rows += [(300, BLUE, [300]), (301, BLUE, [300, 100]), (302, BLUE, [100]), (303, BLUE, [303])]
    with pytest.raises(DataError, match=f"{BLUE}"):
        label_catalogue(catalogue_of(rows))
    found = label_catalogue(catalogue_of(rows), small_classes="reject")
    assert read(found["path"], "classes")["category_id"].tolist() == [RED, GREEN]


@pytest.mark.parametrize("small_classes", ["error", "reject"])
def test_one_class_only_is_an_error(label_catalogue, small_classes):
    with pytest.raises(DataError, match="1 class is left to learn, expected at least 2; add categories"):
        label_catalogue(catalogue_of(plain(RED, 12, 100)), small_classes=small_classes)


def test_a_sample_of_which_no_picture_decodes_is_an_error(label_catalogue):
    made = TinyCatalogue()
    for product_id in range(8):
        made.add(product_id, CATEGORIES[product_id % 2], [undecodable(draw_jpeg(seed=product_id))])
    with pytest.raises(DataError, match=r"fewer than 3 groups|0 class is left"):
        label_catalogue(made)


def test_a_claim_of_a_category_outside_the_sample_is_a_conflict(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, BLUE, [105]), (301, BLUE, [300])]
    found = label_catalogue(catalogue_of(rows), categories=(RED, GREEN))
    conflicts = read(found["path"], "conflicts")
    assert [(list(row.category_ids), list(row.product_ids)) for row in conflicts.itertuples()] == [
        ([RED, BLUE], [105, 300])
    ]


def test_every_row_of_a_picture_that_cannot_be_used_is_told(label_catalogue):
    made = catalogue_of(plain(RED, 12, 100) + plain(GREEN, 12, 200))
    damaged = undecodable(draw_jpeg(RED, 5))
    made.add(300, RED, [damaged, damaged])
    made.add(301, GREEN, [draw_jpeg(GREEN, 6, size=16), damaged])
    rejected = read(label_catalogue(made)["path"], "rejected")
    images = rejected[rejected["image_number"].notna()]
    assert images[["product_id", "image_number"]].to_numpy(int).tolist() == [[300, 0], [300, 1], [301, 1]]
