import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.learning.measuring.joining import join_blocks, joint_probabilities


def rows(*values):
    return np.array(values, np.float32)


def test_a_product_of_one_image_keeps_its_probabilities():
    assert np.allclose(joint_probabilities(rows([0.7, 0.2, 0.1]), np.array([0])), [[0.7, 0.2, 0.1]])


def test_several_images_join_by_the_normalised_geometric_mean():
    found = joint_probabilities(rows([0.8, 0.2], [0.2, 0.8], [0.9, 0.1]), np.array([0, 0, 0]))
    means = np.cbrt([0.8 * 0.2 * 0.9, 0.2 * 0.8 * 0.1])
    assert np.allclose(found, [means / means.sum()])


def test_images_may_stand_in_any_order():
    probabilities = rows([0.8, 0.2], [0.3, 0.7], [0.6, 0.4])
    one = joint_probabilities(probabilities, np.array([0, 1, 0]))
    other = joint_probabilities(probabilities[[2, 1, 0]], np.array([0, 1, 0]))
    assert np.allclose(one, other)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6), st.integers(0, 1000))
def test_joint_probabilities_add_up_to_one(num_products, num_images, num_classes, seed):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(num_classes, 0.05), num_products * num_images).astype(np.float32)
    found = joint_probabilities(probabilities, np.repeat(np.arange(num_products), num_images))
    assert (found.shape, found.dtype) == ((num_products, num_classes), np.float32)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found >= 0).all()


@pytest.mark.parametrize("probabilities", [rows([1, 0], [0, 1]), rows([1, 0], [1, 0])])
def test_a_probability_of_zero_is_no_veto_beyond_measure(probabilities):
    assert np.isfinite(joint_probabilities(probabilities, np.array([0, 0]))).all()


def test_thousands_of_classes_are_joined_a_few_products_at_a_time_to_the_same_bits():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(5000, 0.05), 120).astype(np.float32)
    product = np.sort(random.integers(0, 60, 120))
    product = np.unique(product, return_inverse=True)[1]
    together = joint_probabilities(probabilities, product)
    for one in range(product.max() + 1):
        images = product == one
        assert np.array_equal(joint_probabilities(probabilities[images], np.zeros(images.sum(), int))[0], together[one])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.lists(st.integers(0, 50), max_size=8))
def test_wherever_blocks_are_cut_every_product_is_joined_once_and_from_all_its_images(num_images, cuts):
    product = np.repeat(np.arange(len(num_images)), num_images)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), len(product)).astype(np.float32)
    blocks = np.split(probabilities, np.sort(np.minimum(cuts, len(product)).astype(int)))
    found = np.concatenate(list(join_blocks(blocks, product)))
    assert np.array_equal(found, joint_probabilities(probabilities, product))
