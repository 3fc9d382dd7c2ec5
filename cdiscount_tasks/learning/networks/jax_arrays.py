"""Arrays on JAX's devices: where they lie, and pictures gathered and moved there."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from cdiscount_tasks.learning.pictures.inputs import Inputs, free_memory_bytes
from cdiscount_tasks.learning.pictures.shifted import places_of_crop

SHARE_OF_MEMORY = 0.5
"""Pictures may take up to this share of the device's memory that is free; the training of a large network needs the
rest."""


def spread(*axes: str | None) -> Any | None:
    """Return how an array lies on several devices: the batch axis shared out, all others whole on each."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return None
    mesh = distribution.device_mesh.backend_mesh
    names = [distribution.batch_dim_name if axis == "batch" else None for axis in axes]
    return NamedSharding(mesh, PartitionSpec(*names))


def put(array: np.ndarray, *axes: str | None) -> Any:
    """Bring an array to the devices; `axes` names the one that is shared out, as in `spread`."""
    return jax.device_put(array, spread(*axes))


def _held(array: np.ndarray, dtype: Any) -> Any:
    """Return a NumPy array as JAX holds it; converted by NumPy, or it would be one more program to compile."""
    return jax.device_put(array.astype(jnp.dtype(float if dtype is None else dtype), copy=False))


def _draw_uniform(key: Any, shape: Any = (), dtype: Any = float, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Draw as `jax.random.uniform` does, other numbers of the same key."""
    random = np.random.default_rng(np.asarray(key).tolist())
    return _held(random.uniform(float(minval), float(maxval), shape), dtype)


def _zeros(shape: Any, dtype: Any = None) -> Any:
    return _held(np.zeros(shape), dtype)


def _ones(shape: Any, dtype: Any = None) -> Any:
    return _held(np.ones(shape), dtype)


@contextmanager
def made_quickly() -> Iterator[list[Any]]:
    """Let Keras make variables on the CPU, and bring those that are put on the list to the device at the end.

    For every shape of a weight JAX compiles a program that makes it, and one that draws it: 16 s of them for
    MobileNetV2 on a GPU, twice as long on a CPU. NumPy makes uniform ones, zeros and ones, which is what most networks
    begin with, without; meanwhile no other thread may make such with JAX.
    """
    made: list[Any] = []
    numbers: Any = jnp
    by_jax = jax.random.uniform, numbers.zeros, numbers.ones
    on_cpu = jax.default_device(jax.local_devices(backend="cpu")[0])
    is_spread = keras.distribution.distribution() is not None  # Keras brings each variable to all devices by itself
    jax.random.uniform, numbers.zeros, numbers.ones = _draw_uniform, _zeros, _ones
    try:
        with nullcontext() if is_spread else on_cpu:
            yield made
    finally:
        jax.random.uniform, numbers.zeros, numbers.ones = by_jax
    if not is_spread and jax.default_backend() != "cpu":
        for variable in made:
            # Through NumPy: an array that was put on a device by name counts as another kind, and what is compiled for
            # the one is compiled again for the other.
            variable.assign(np.asarray(variable.value))


def _free_bytes() -> int:
    """Return what is free of each device's memory."""
    left = [one.memory_stats() for one in jax.local_devices()]
    if all(left):
        return int(min(one["bytes_limit"] - one["bytes_in_use"] for one in left))
    return free_memory_bytes()  # the CPU's memory is the machine's


def hold_on_device(inputs: Inputs) -> Any | None:
    """Return all inputs as they lie on the device; None: they are too many."""
    unmoved = inputs.unmoved()
    if unmoved is None or unmoved.nbytes > SHARE_OF_MEMORY * _free_bytes():
        return None
    return put(unmoved)


def take_pictures(pixels: Any, rows: Any, mirrored: Any, shift: Any) -> Any:
    """Gather pictures, mirror some and move them; their edges fill what is left free.

    Args:
        pixels: uint8, [num_images, size, size, 3].
        rows: int32, [batch].
        mirrored: bool, [batch].
        shift: int32, [batch, 2]: down and to the right; or [batch, 4]: top, height, left and width of a crop.

    Returns:
        uint8, [batch, size, size, 3]: what `Inputs.take` returns for images in memory.
    """
    size = pixels.shape[1]
    if shift.shape[1] == 4:
        return _take_crops(pixels, rows, mirrored, shift)
    places = jnp.arange(size)
    down = jnp.clip(places - shift[:, :1], 0, size - 1)
    right = jnp.clip(places - shift[:, 1:], 0, size - 1)
    right = jnp.where(mirrored[:, None], size - 1 - right, right)
    return pixels[rows[:, None, None], down[:, :, None], right[:, None, :]]


def _take_crops(pixels: Any, rows: Any, mirrored: Any, crop: Any) -> Any:
    """Gather parts of pictures scaled to the whole, as `ShiftedImages.take` does, to the last bit."""
    size = pixels.shape[1]
    steps = jnp.arange(size, dtype=jnp.int32)
    row, below = places_of_crop(size, crop[:, :1], crop[:, 1:2], steps)
    column, beyond = places_of_crop(size, crop[:, 2:3], crop[:, 3:], steps)
    next_row = jnp.minimum(row + 1, size - 1)

    def lines(column: Any) -> Any:
        at = jnp.where(mirrored[:, None], size - 1 - column, column)
        upper, lower = (pixels[rows[:, None, None], one[:, :, None], at[:, None, :]] for one in (row, next_row))
        return _between(upper, lower, below[:, :, None, None])

    found = _between(lines(column), lines(jnp.minimum(column + 1, size - 1)), beyond[:, None, :, None])
    return found.astype(jnp.uint8)


def _between(one: Any, other: Any, share: Any) -> Any:
    """Return int32: what lies between two numbers, by the share of the other in 1 / 256."""
    return (one.astype(jnp.int32) * (256 - share) + other.astype(jnp.int32) * share + 128) >> 8
