import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.learning.measuring.choices import (
    NUM_SHOWN,
    choose_mistakes,
    choose_pairs,
    choose_products,
    choose_random,
    choose_uncertain,
)
from cdiscount_tasks.learning.measuring.confusion import confusion


def make_products(*rows):
    """Return products from (product_id, group_id, class_index, predicted, probability)."""
    columns = ["product_id", "group_id", "class_index", "predicted", "probability"]
    return pd.DataFrame(rows, columns=columns)


def draw_products(num_products, num_classes, seed=0):
    random = np.random.default_rng(seed)
    product_id = random.permutation(num_products) + 1
    return pd.DataFrame(
        {
            "product_id": product_id,
            "group_id": product_id // 2,
            "class_index": random.integers(0, num_classes, num_products),
            "predicted": random.integers(0, num_classes, num_products),
            "probability": random.random(num_products).round(1),
        }
    )


def ids(rows):
    return rows["product_id"].tolist()


def test_the_most_confident_mistakes_come_first_and_right_answers_never():
    products = make_products((1, 1, 0, 1, 0.6), (2, 2, 0, 0, 0.99), (3, 3, 1, 0, 0.9))
    assert ids(choose_mistakes(products)) == [3, 1]


def test_a_group_shows_its_most_confident_mistake_only():
    products = make_products((1, 1, 0, 1, 0.6), (2, 1, 0, 1, 0.8), (3, 3, 0, 1, 0.7))
    assert ids(choose_mistakes(products)) == [2, 3]


def test_the_least_certain_come_first_whether_right_or_wrong_one_of_each_group():
    products = make_products((1, 1, 0, 0, 0.3), (2, 2, 0, 1, 0.2), (3, 3, 0, 0, 0.9), (4, 2, 0, 0, 0.25))
    assert ids(choose_uncertain(products)) == [2, 1, 3]


@pytest.mark.parametrize("choose", [choose_mistakes, choose_uncertain])
def test_equal_probabilities_are_ordered_by_product(choose):
    products = make_products((5, 5, 0, 1, 0.7), (4, 4, 0, 1, 0.7), (6, 6, 0, 1, 0.7))
    assert ids(choose(products)) == [4, 5, 6]


@pytest.mark.parametrize("choose", [choose_mistakes, choose_uncertain, choose_random])
def test_no_gallery_shows_more_than_it_may_nor_a_product_twice(choose):
    chosen = ids(choose(draw_products(300, 4)))
    assert len(chosen) == len(set(chosen)) == NUM_SHOWN


def test_the_order_of_the_table_changes_no_choice():
    products = draw_products(200, 3)
    one, other = (choose_products(rows) for rows in (products, products.sample(frac=1, random_state=1)))
    assert one.product_ids() == other.product_ids()
    assert ids(one.random) == ids(other.random)


def test_a_random_choice_takes_both_products_of_a_group():
    products = draw_products(20, 3)
    assert sorted(ids(choose_random(products))) == sorted(ids(products))


def test_pairs_stand_in_the_order_of_the_confusion_table():
    products = draw_products(400, 6)
    pairs = choose_pairs(products)
    table = confusion(products["class_index"].to_numpy(), products["predicted"].to_numpy(), 6)["pairs"]
    assert [(pair.true, pair.predicted, pair.num_products) for pair in pairs] == [
        (row["true"], row["predicted"], row["n"]) for row in table[:10]
    ]


def test_a_pair_has_three_mistakes_of_it_and_two_recognised_products_of_either_class():
    for pair in choose_pairs(draw_products(400, 4)):
        mistakes, true, predicted = pair.mistakes, pair.typical_true, pair.typical_predicted
        assert (len(mistakes), len(true), len(predicted)) == (3, 2, 2)
        assert set(zip(mistakes["class_index"], mistakes["predicted"], strict=True)) == {(pair.true, pair.predicted)}
        assert {*true["class_index"], *true["predicted"]} == {pair.true}
        assert {*predicted["class_index"], *predicted["predicted"]} == {pair.predicted}


def test_typical_products_are_the_surest_right_ones():
    products = make_products((1, 1, 0, 0, 0.6), (2, 2, 0, 0, 0.8), (3, 3, 0, 0, 0.7), (4, 4, 0, 1, 0.9))
    (pair,) = choose_pairs(products)
    assert ids(pair.typical_true) == [2, 3]
    assert ids(pair.typical_predicted) == []


def test_without_a_mistake_there_are_no_pairs_and_no_mistakes_and_the_other_galleries_stand():
    choices = choose_products(make_products((1, 1, 0, 0, 0.9), (2, 2, 1, 1, 0.8)))
    assert (len(choices.pairs), len(choices.mistakes), len(choices.mistaken)) == (0, 0, 0)
    assert ids(choices.uncertain) == [2, 1]
    assert choices.product_ids() == {1, 2}


def test_one_class_alone_is_shown():
    choices = choose_products(make_products((1, 1, 0, 0, 1.0), (2, 1, 0, 0, 1.0)))
    assert (ids(choices.uncertain), sorted(ids(choices.random))) == ([1], [1, 2])


def test_every_mistake_that_is_shown_as_one_is_among_those_that_get_a_map():
    choices = choose_products(draw_products(500, 12))
    shown = {*ids(choices.mistakes), *(one for pair in choices.pairs for one in ids(pair.mistakes))}
    assert ids(choices.mistaken) == sorted(shown)
