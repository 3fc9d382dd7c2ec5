import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.labelling.groups import group_products, num_products_per_image

ROWS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40)


def union_find(product_ids, ties):
    """Return the smallest id of each product's group, by the plainest algorithm."""
    group = {product: product for product in range(len(product_ids))}
    for one, other in ties:
        old, new = group[one], group[other]
        group = {product: new if its == old else its for product, its in group.items()}
    return [min(product_ids[other] for other in group if group[other] == group[product]) for product in group]


@given(ROWS, st.randoms(use_true_random=False))
def test_groups_equal_those_of_a_plain_union_find(rows, random):
    product_ids = random.sample(range(-1000, 10**12), 12)
    product, content, pixels = (np.array(column) for column in zip(*rows, strict=True))
    ties = [(a[0], b[0]) for a in rows for b in rows if a[1] == b[1] or a[2] == b[2]]
    found = group_products(np.array(product_ids), product, content, pixels)
    assert found.tolist() == union_find(product_ids, ties)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_change_the_groups(rows, random):
    product_ids = np.arange(12) * 7
    shuffled = random.sample(rows, len(rows))
    one, other = (group_products(product_ids, *np.array(order).T) for order in (rows, shuffled))
    assert one.tolist() == other.tolist()


def test_products_without_a_shared_image_are_their_own_groups():
    assert group_products(np.array([5, 3, 9]), np.array([0, 1, 2]), np.array([0, 1, 2])).tolist() == [5, 3, 9]


def test_products_are_tied_through_others():
    assert group_products(np.array([5, 3, 9]), np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1])).tolist() == [3, 3, 3]


def test_a_product_without_an_image_is_a_group_of_its_own():
    assert group_products(np.array([5, 3]), np.array([1]), np.array([0])).tolist() == [5, 3]


def test_without_products_there_are_no_groups():
    none = np.array([], np.int64)
    assert group_products(none, none, none).tolist() == []


@pytest.mark.parametrize(
    ("image", "product", "expected"),
    [([0, 0, 1], [1, 2, 1], [2, 2, 1]), ([0, 0, 0], [1, 1, 1], [1, 1, 1]), ([], [], [])],
)
def test_an_image_counts_the_distinct_products_it_stands_in(image, product, expected):
    found = num_products_per_image(np.array(image, np.int64), np.array(product, np.int64))
    assert found.tolist() == expected
