import numpy as np
import pytest

from benchmarks.material.networks_of_sets import OF_ANSWERS, build_joining, lay_out
from cdiscount_tasks.learning.measuring.joining import joint_probabilities

PRODUCT, NUMBER = np.array([0, 1, 1, 1, 2, 2]), np.array([0, 0, 1, 3, 1, 2], np.int8)


@pytest.fixture
def answers(tensorflow):
    return np.random.default_rng(0).dirichlet(np.ones(3), len(PRODUCT)).astype(np.float32)


def test_images_are_laid_out_by_their_number():
    vectors = np.arange(24, dtype=np.float32).reshape(6, 2, 2) + 1
    slots = lay_out(vectors, PRODUCT, NUMBER).reshape(3, 2, 4, 6)
    assert slots[1, 0, :, :2].tolist() == [[5, 6], [9, 10], [0, 0], [13, 14]]
    assert slots[1, 1, 3].tolist() == [15, 16, 0, 0, 0, 1]
    assert slots[0, :, 1:].sum() == 0


@pytest.mark.training
@pytest.mark.parametrize("way", OF_ANSWERS)
def test_a_way_on_answers_begins_as_the_geometric_mean(way, answers):
    found = build_joining(way, 3, 3, 0.2)(lay_out(np.log(answers)[:, None], PRODUCT, NUMBER)[:, 0])
    np.testing.assert_allclose(found, joint_probabilities(answers, PRODUCT), atol=1e-6)


@pytest.mark.training
@pytest.mark.parametrize("way", ["mean_of_features", "attention"])
def test_a_picture_that_comes_twice_counts_once_and_an_absent_one_never(way, tensorflow):
    features = np.random.default_rng(1).normal(size=(1, 1, 5)).astype(np.float32)
    alone, twice = (
        lay_out(features.repeat(n, axis=0), np.zeros(n, np.int64), np.arange(n, dtype=np.int8))[:, 0] for n in (1, 2)
    )
    network = build_joining(way, 5, 3, 0.2)
    np.testing.assert_allclose(network(alone), network(twice), atol=1e-6)


@pytest.mark.training
def test_a_head_makes_the_geometric_mean_of_the_mean_of_features(tensorflow):
    from cdiscount_tasks.learning.networks.build import build_head

    head, vectors = build_head(5, 3), np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    means = np.stack([vectors[number == PRODUCT].mean(axis=0) for number in range(3)])
    joined = joint_probabilities(np.asarray(head(vectors)), PRODUCT)
    np.testing.assert_allclose(joined, head(means), atol=1e-6)
