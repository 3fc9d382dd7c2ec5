import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.labelling.split import split_images
from cdiscount_tasks.learning.features.leak import like_with_like, price_leak
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.vocabulary import BY_PRODUCT, CERTIFIED, SPLIT_KINDS, TEST, TRAIN

NUM_CLASSES, NUM_PRODUCTS, NUM_FEATURES = 3, 240, 60


def catalogue(copies):
    """Return features, classes, groups and splits of products that share a picture with `copies` others each."""
    random = np.random.default_rng(7)
    product_id = np.arange(NUM_PRODUCTS)
    group_id = product_id - product_id % (copies + 1)
    class_index = random.integers(0, NUM_CLASSES, NUM_PRODUCTS)[group_id]
    # Noise alone: whoever has not seen the copy can but guess.
    features = random.normal(size=(NUM_PRODUCTS, NUM_FEATURES)).astype(np.float32)[group_id]
    products = pd.DataFrame({"product_id": product_id, "category_id": class_index, "group_id": group_id})
    splits = [
        {kind: split_images(products, products[["product_id"]], kind, SplitConfig(), seed) for kind in SPLIT_KINDS}
        for seed in range(3)
    ]
    return features, class_index, group_id, splits, NUM_CLASSES


def test_copies_make_a_leaky_split_report_too_much():
    price = price_leak(*catalogue(copies=3))
    for kind in price["inflation"]:
        assert price["inflation"][kind]["low"] > 0.1
    assert price["accuracy"][CERTIFIED]["value"] < 0.5
    assert price["accuracy"][BY_PRODUCT]["value"] > 0.7


def test_without_copies_nothing_leaks():
    price = price_leak(*catalogue(copies=0))
    for figure in price["inflation"].values():
        assert figure["low"] <= 0 <= figure["high"]
        assert abs(figure["value"]) < 0.1


def test_an_inflation_is_the_difference_of_the_accuracies():
    price = price_leak(*catalogue(copies=1))
    for kind, figure in price["inflation"].items():
        difference = price["accuracy"][kind]["value"] - price["accuracy"][CERTIFIED]["value"]
        assert figure["value"] == pytest.approx(difference, abs=2e-6)
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_the_same_data_have_the_same_price():
    assert price_leak(*catalogue(copies=1)) == price_leak(*catalogue(copies=1))


def test_all_kinds_learn_from_and_judge_as_many_pictures():
    splits = catalogue(copies=3)[3][0]
    sides = like_with_like(splits, seed=0)
    for name in (TRAIN, TEST):
        assert {int(side[name].sum()) for side in sides.values()} == {
            min(int((split == name).sum()) for split in splits.values())
        }
        for kind in SPLIT_KINDS:
            assert (splits[kind][sides[kind][name]] == name).all()


def test_a_side_without_an_image_is_the_callers_mistake():
    features, class_index, group_id, splits, num_classes = catalogue(copies=0)
    empty = [{kind: np.full(NUM_PRODUCTS, TRAIN) for kind in splits[0]}]
    with pytest.raises(ValueError, match="certified split of seed 0 has a side without an image"):
        price_leak(features, class_index, group_id, empty, num_classes)
