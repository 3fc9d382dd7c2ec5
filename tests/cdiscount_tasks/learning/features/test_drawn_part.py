import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.learning.features.drawn_part import Bounds, draw_part

NUM_PRODUCTS = 60
PRODUCTS = pd.DataFrame(
    {
        "product_id": np.arange(NUM_PRODUCTS),
        "category_id": np.repeat([70, 50, 90], 20),
        "believed": np.repeat([70, 50, 90], 20),
        "group_id": np.arange(NUM_PRODUCTS) // 4 * 4,
        "class_index": np.repeat([1, 0, 2], 20),
    }
)
IMAGES = pd.DataFrame({"product_id": np.repeat(np.arange(NUM_PRODUCTS), 2)})


@pytest.mark.parametrize(
    ("bounds", "most"),
    [(Bounds(3, 80), 80), (Bounds(3, 200), 200), (Bounds(3, 200, cells=300), 100), (Bounds(3, 80, cells=900), 80)],
)
def test_cells_bound_the_pictures_by_the_number_of_classes(bounds, most):
    assert bounds.most_images(3) == most


def test_the_drawn_index_says_which_of_the_drawn_categories_a_product_has():
    drawn = draw_part(PRODUCTS, IMAGES, Bounds(classes=2, images=1_000), seed=1)
    assert len(drawn.category_ids) == 2
    products = drawn.products
    assert (drawn.category_ids[products["drawn_index"]] == products["category_id"]).all()
    assert "class_index" not in products


def test_groups_stay_whole_and_the_wanted_images_are_theirs():
    drawn = draw_part(PRODUCTS, IMAGES, Bounds(classes=3, images=50), seed=1)
    assert 0 < drawn.wanted.sum() <= 50
    assert (drawn.products["group_id"].value_counts() == 4).all()
    assert IMAGES[drawn.wanted]["product_id"].tolist() == drawn.images["product_id"].tolist()
    assert (drawn.products["product_id"].to_numpy()[drawn.product_of_image] == drawn.images["product_id"]).all()


def test_a_product_that_people_gave_a_category_that_was_not_drawn_has_no_class_to_learn():
    moved = PRODUCTS.assign(believed=PRODUCTS["believed"].where(PRODUCTS["product_id"] != 0, 999))
    drawn = draw_part(moved, IMAGES, Bounds(classes=3, images=1_000), seed=1)
    assert (drawn.products["label_index"] == -1).tolist() == [True, *[False] * (NUM_PRODUCTS - 1)]
    assert drawn.products["drawn_index"].min() == 0


def test_the_same_seed_draws_the_same():
    one, other = (draw_part(PRODUCTS, IMAGES, Bounds(classes=2, images=30), seed=5) for _ in range(2))
    assert one.products.equals(other.products)
    assert np.array_equal(one.wanted, other.wanted)
