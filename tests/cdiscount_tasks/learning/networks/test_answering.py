import keras
import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.networks.answering import AnsweringNetwork
from cdiscount_tasks.learning.networks.build import build_network
from cdiscount_tasks.learning.networks.predict import predict_images
from cdiscount_tasks.learning.pictures.images import RESIZE_RULE
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory

CONTRACT = {"image_size": 32, "resize": RESIZE_RULE}
NUM_CLASSES = 5


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("network") / "model.keras"
    build_network("small_cnn", 32, NUM_CLASSES).save(path)
    return path


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (131, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(("num_images", "views"), [(1, "flip"), (64, "flip"), (131, "flip"), (131, "crops")])
def test_answers_are_those_of_an_evaluation(path, pixels, num_images, views):
    contract = CONTRACT if views == "flip" else {**CONTRACT, "views": views}
    network = AnsweringNetwork(path, contract, NUM_CLASSES)
    assert network.image_size == 32
    some = pixels[:num_images]
    found = network.answer(some)
    held = ImagesInMemory(iter([some]), num_images, 32)
    expected = predict_images(keras.saving.load_model(path), held, flip=True, views=views)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-6


def test_an_image_and_its_mirror_image_have_the_same_answer(path, pixels):
    network = AnsweringNetwork(path, CONTRACT, NUM_CLASSES)
    assert np.allclose(network.answer(pixels), network.answer(pixels[:, :, ::-1]), atol=1e-6)


def test_the_same_images_have_the_same_bytes(path, pixels):
    first, second = (AnsweringNetwork(path, CONTRACT, NUM_CLASSES).answer(pixels) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_network_of_other_classes_is_refused(path, pixels):
    network = AnsweringNetwork(path, CONTRACT, NUM_CLASSES + 1)
    with pytest.raises(DataError, match="answers with 5 classes, expected 6"):
        network.answer(pixels[:2])
