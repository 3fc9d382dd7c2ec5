import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.parity import Parity

PRODUCTS = np.array([0, 0, 1])


def answers(*, seed=0, num_images=3, num_classes=4):
    """Return what a network may answer to images and their mirror images."""
    powers = np.exp(np.random.default_rng(seed).normal(size=(2 * num_images, num_classes)))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def moved(probabilities, by, row=0):
    """Return answers of which one is moved from its least probable class to the next."""
    made = probabilities.copy()
    first, second = np.argsort(made[row])[:2]
    made[row, first] -= by
    made[row, second] += by
    return made


def test_the_same_answers_are_kept_and_counted():
    parity = Parity()
    for seed in range(3):
        expected, found = parity.add(answers(seed=seed), answers(seed=seed), PRODUCTS)
        assert expected.shape == (2, 4)
        np.testing.assert_array_equal(expected, found)
    assert (parity.num_products, parity.num_images, parity.num_other_answers) == (6, 9, 0)
    assert parity.max_difference == parity.max_image_difference == 0.0
    assert parity.is_kept


@pytest.mark.parametrize(("by", "is_kept"), [(2e-6, True), (2e-5, False)])
def test_a_difference_is_kept_below_the_bound_alone(by, is_kept):
    parity = Parity()
    parity.add(answers(), moved(answers(), by), PRODUCTS)
    parity.add(answers(seed=1), answers(seed=1), PRODUCTS)
    assert parity.max_image_difference == pytest.approx(by, rel=0.05)
    assert 0 < parity.max_difference < parity.max_image_difference
    assert parity.num_other_answers == 0
    assert parity.is_kept == is_kept


def test_another_answer_is_never_kept_however_small_the_difference():
    expected = np.full((2, 2), [0.5 + 1e-7, 0.5 - 1e-7], np.float32)
    parity = Parity()
    parity.add(expected, expected[:, ::-1], np.array([0]))
    assert parity.num_other_answers == 1
    assert parity.max_difference < 1e-5
    assert not parity.is_kept


@pytest.mark.parametrize("first", [0, 1])
def test_an_answer_that_is_no_number_is_not_kept_whenever_it_comes(first):
    parity = Parity()
    for number in range(2):
        found = answers()
        if number == first:
            found[2, 1] = np.nan
        parity.add(answers(), found, PRODUCTS)
    assert not parity.is_kept
