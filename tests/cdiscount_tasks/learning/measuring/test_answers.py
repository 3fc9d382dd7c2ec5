import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.answers import answer_products
from cdiscount_tasks.learning.measuring.calibration import tempered
from cdiscount_tasks.learning.measuring.joining import joint_probabilities

IDS = np.array([50, 40, 30, 20, 10, 60, 70])
PRODUCT = np.array([0, 0, 1, 2, 2, 2, 2, 3, 4])


@pytest.fixture
def of_images():
    return np.random.default_rng(0).dirichlet(np.ones(7), 9).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_answer_and_confidence_are_those_of_an_evaluation(of_images, temperature):
    found = answer_products(of_images, PRODUCT, temperature, IDS, 5)
    joint = joint_probabilities(of_images, PRODUCT)
    confidence, _ = tempered(joint, joint.argmax(axis=1), temperature)
    assert found.category_ids[:, 0].tolist() == IDS[joint.argmax(axis=1)].tolist()
    assert found.probabilities[:, 0].tolist() == confidence.tolist()
    assert found.category_ids.shape == found.probabilities.shape == (5, 5)
    assert (np.diff(found.probabilities, axis=1) <= 0).all()


def test_of_few_classes_all_are_kept(of_images):
    found = answer_products(of_images, PRODUCT, 2.0, IDS, 10)
    assert np.allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)
    assert sorted(found.category_ids[0].tolist()) == sorted(IDS.tolist())


def test_of_equal_probabilities_the_first_class_is_first():
    found = answer_products(np.full((1, 3), 1 / 3, np.float32), np.array([0]), 1.0, IDS[:3], 2)
    assert found.category_ids.tolist() == [[50, 40]]
