import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.learning.inputs import PicturesInMemory
from cdiscount_tasks.learning.joining import joint_probabilities
from cdiscount_tasks.learning.predictions import predict_images


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


class LeftBrightness:
    """Stands for a network: the probability of class 0 is how bright the left half is."""

    def predict(self, batches, **_):
        return np.concatenate([self.judge(*batches[number]) for number in range(len(batches))])

    def judge(self, images):
        left = images[:, :, : images.shape[2] // 2].mean(axis=(1, 2, 3)) / 255 * 0.8 + 0.1
        return np.stack([left, 1 - left], axis=1).astype(np.float32)


def half_bright():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[0, :, :2] = 255
    images[1, :, 2:] = 255
    return PicturesInMemory(iter([images]), 2, 4)


def test_without_the_mirror_a_picture_is_judged_as_it_is():
    assert np.allclose(predict_images(LeftBrightness(), half_bright(), flip=False), [[0.9, 0.1], [0.1, 0.9]])


def test_with_the_mirror_both_sides_count_the_same():
    assert np.allclose(predict_images(LeftBrightness(), half_bright(), flip=True), 0.5)
