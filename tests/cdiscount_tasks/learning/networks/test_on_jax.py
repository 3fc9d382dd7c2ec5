"""On JAX alone: tests/laws/test_on_jax.py runs these, with the laws of training, in a process with that backend."""

import keras
import numpy as np
import pytest

from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory

if keras.backend.backend() != "jax":
    pytest.skip("needs KERAS_BACKEND=jax", allow_module_level=True)

from cdiscount_tasks.learning.networks import on_jax


def left_border():
    """Return a network that says how bright a picture's left border is."""
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    return keras.Model(inputs, keras.layers.Lambda(lambda x: keras.ops.cast(x[:, 0, 0, :1], "float32"))(inputs))


@pytest.mark.parametrize("num_images", [1, 4, 10])
def test_a_network_is_shown_every_input_in_order_in_blocks_of_one_size(monkeypatch, num_images):
    monkeypatch.setattr(on_jax, "PREDICTED_AT_ONCE", {"cpu": 4})
    images = np.zeros((num_images, 8, 8, 3), np.uint8)
    images[:, :, 0] = np.arange(num_images)[:, None, None]
    images[:, :, -1] = 100
    inputs, network = ImagesInMemory(iter([images]), num_images, 8), left_border()
    for said in (on_jax.run_network(network, inputs), on_jax.answer_pixels(network, images, mirrored=False)):
        assert said.ravel().tolist() == list(range(num_images))
    assert on_jax.run_network(network, inputs, mirrored=True).ravel().tolist() == [100] * num_images
    monkeypatch.setattr(inputs, "unmoved", lambda: None)  # as pictures that lie on disk
    assert on_jax.run_network(network, inputs).ravel().tolist() == list(range(num_images))
    assert on_jax.run_network(network, inputs, mirrored=True).ravel().tolist() == [100] * num_images


def test_of_vectors_the_side_is_taken(monkeypatch):
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2, 1)
    inputs = keras.Input((1,))
    network = keras.Model(inputs, keras.layers.Identity()(inputs))
    for side in (False, True):
        assert on_jax.run_network(network, Vectors(vectors), side).ravel().tolist() == list(range(side, 20, 2))


def test_a_network_that_is_gone_is_not_kept_by_its_program():
    network = left_border()
    on_jax.answer_pixels(network, np.zeros((1, 8, 8, 3), np.uint8), mirrored=False)
    known = len(on_jax._FORWARD)
    del network
    import gc

    gc.collect()
    assert len(on_jax._FORWARD) < known


def test_a_gradient_is_that_of_the_function():
    at = np.array([1.0, -2.0, 3.0], np.float32)
    np.testing.assert_allclose(on_jax.differentiate(lambda x: keras.ops.sum(x**3), at), 3 * at**2)
