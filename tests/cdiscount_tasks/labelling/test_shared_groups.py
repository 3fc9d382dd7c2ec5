import numpy as np

from cdiscount_tasks.labelling.shared_groups import tie_products


def test_products_are_tied_through_others_and_named_by_the_least():
    groups = tie_products(np.array([70, 50, 50, 60, 90, 80]), np.array([0, 0, 1, 1, 2, 2]))
    assert groups.product_ids.tolist() == [50, 60, 70, 80, 90]
    assert groups.of(np.array([90, 10, 60, 2**62, 70])).tolist() == [80, 10, 50, 2**62, 50]


def test_without_a_shared_image_each_product_is_its_own_group():
    nothing = np.zeros(0, np.int64)
    assert tie_products(nothing, nothing).of(np.array([3, -5])).tolist() == [3, -5]
