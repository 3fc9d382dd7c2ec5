"""On JAX alone: tests/laws/test_on_jax.py runs these, with the laws of training, in a process with that backend."""

import keras
import numpy as np
import pytest

from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.networks.batches import EpochOrder, Ways
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory
from cdiscount_tasks.learning.pictures.smaller import scale_down

if keras.backend.backend() != "jax":
    pytest.skip("needs KERAS_BACKEND=jax", allow_module_level=True)

import jax
import jax.numpy as jnp

from cdiscount_tasks.learning.networks import jax_arrays


@pytest.mark.parametrize("ways", [Ways(), Ways(crop_area=0.3)], ids=["moves", "crops"])
def test_the_device_gathers_mirrors_and_moves_as_numpy_does(ways):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (20, 33, 33, 3), np.uint8)
    inputs = ImagesInMemory(iter([images]), 20, 33)
    order = EpochOrder.of(np.zeros(20, int), inputs.max_shift, 3, 4, ways)
    taken = order.mirrored[order.rows], order.shift[order.rows]
    found = jax_arrays.take_pictures(images, order.rows, *taken)
    np.testing.assert_array_equal(found, inputs.take(order.rows, *taken))


@pytest.mark.parametrize(("longer", "size"), [(96, 64), (160, 128), (512, 352)])
def test_the_device_scales_down_as_numpy_does(longer, size):
    images = np.random.default_rng(0).integers(0, 256, (3, longer, longer, 3), np.uint8)
    found = jax.jit(lambda shown: scale_down(shown, size, jnp))(images)
    np.testing.assert_array_equal(found, scale_down(images, size, np))


def test_what_fits_lies_on_the_device_and_what_does_not_stays(monkeypatch):
    vectors = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    np.testing.assert_array_equal(jax_arrays.hold_on_device(Vectors(vectors)), vectors)
    monkeypatch.setattr(jax_arrays, "_free_bytes", lambda: 2 * vectors.nbytes - 1)
    assert jax_arrays.hold_on_device(Vectors(vectors)) is None


def test_the_memory_of_the_fullest_device_counts(monkeypatch):
    class Full:
        def __init__(self, used):
            self.used = used

        def memory_stats(self):
            return {"bytes_limit": 100, "bytes_in_use": self.used}

    monkeypatch.setattr(jax, "local_devices", lambda: [Full(20), Full(70)])
    assert jax_arrays._free_bytes() == 30


def test_first_weights_are_drawn_alike_for_the_same_seed_and_within_their_bounds():
    def draw(seed):
        keras.utils.set_random_seed(seed)
        with jax_arrays.made_quickly():
            return np.asarray(keras.random.uniform((30, 50), -0.5, 0.5))

    drawn = draw(1)
    np.testing.assert_array_equal(drawn, draw(1))
    assert not np.array_equal(drawn, draw(2))
    assert (drawn >= -0.5).all()
    assert (drawn < 0.5).all()
    assert abs(drawn.mean()) < 0.03
    assert drawn.std() == pytest.approx(np.sqrt(1 / 12), rel=0.05)


def test_drawing_is_jaxs_own_again_when_making_fails():
    own = jax.random.uniform
    with pytest.raises(OSError, match="no file"), jax_arrays.made_quickly():
        raise OSError("no file")
    assert jax.random.uniform is own
