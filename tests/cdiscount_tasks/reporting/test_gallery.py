import base64

import pandas as pd

from cdiscount_tasks.reporting.gallery import choose_mistakes, show_mistakes


def make_products(*rows):
    columns = ["product_id", "group_id", "class_index", "predicted", "probability"]
    return pd.DataFrame(rows, columns=columns).assign(probability_of_label=0.1, conflicted=False)


def test_the_most_confident_mistakes_come_first_and_right_answers_never():
    products = make_products((1, 1, 0, 1, 0.6), (2, 2, 0, 0, 0.99), (3, 3, 1, 0, 0.9))
    assert choose_mistakes(products)["product_id"].tolist() == [3, 1]


def test_a_group_shows_its_most_confident_mistake_only():
    products = make_products((1, 1, 0, 1, 0.6), (2, 1, 0, 1, 0.8), (3, 3, 0, 1, 0.7))
    assert choose_mistakes(products)["product_id"].tolist() == [2, 3]


def test_equal_probabilities_are_ordered_by_product():
    products = make_products((5, 5, 0, 1, 0.7), (4, 4, 0, 1, 0.7))
    assert choose_mistakes(products)["product_id"].tolist() == [4, 5]


def test_pictures_are_embedded_byte_for_byte():
    (mistake,) = show_mistakes(make_products((1, 1, 0, 1, 0.6)), {1: [b"first", b"second"]})
    assert [base64.b64decode(uri.split(",")[1]) for uri in mistake.pictures] == [b"first", b"second"]


def test_pictures_beyond_the_budget_are_left_out_and_counted():
    products = make_products((1, 1, 0, 1, 0.9), (2, 2, 0, 1, 0.8))
    first, second = show_mistakes(products, {1: [b"x" * 60, b"x" * 60], 2: [b"x" * 40]}, budget_bytes=100)
    assert (len(first.pictures), first.num_left_out) == (1, 1)
    assert (len(second.pictures), second.num_left_out) == (1, 0)
