"""What runs differently on Keras' JAX backend: its own steps, and answers in blocks of one size."""

import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import keras
import numpy as np

from cdiscount_tasks.learning.networks.jax_arrays import made_quickly, put
from cdiscount_tasks.learning.networks.jax_learner import Learner
from cdiscount_tasks.learning.pictures.inputs import Inputs

__all__ = ["Learner", "answer_pixels", "differentiate", "made_quickly", "run_network"]

PREDICTED_AT_ONCE = {"cpu": 64, "gpu": 512}
"""A block of predictions; more is no quicker, and a pretrained network's first layers take 10 MB an image."""


class _Forward:
    """A network's answers to blocks of one size, compiled once."""

    def __init__(self, network: keras.Model) -> None:
        known: Any = weakref.ref(network)  # whoever keeps this by the network must not keep the network by this

        def run(trainable: list[Any], others: list[Any], seen: Any) -> Any:
            return known().stateless_call(trainable, others, seen, training=False)[0].astype(jnp.float32)

        self._run = jax.jit(run)

    def answer(self, network: keras.Model, blocks: Iterator[np.ndarray], size: int) -> np.ndarray:
        """Answer blocks of at most `size` inputs; a smaller one is filled up."""
        values = [
            [one.value for one in some] for some in (network.trainable_variables, network.non_trainable_variables)
        ]
        found: list[Any] = []  # (answers on the device, how many of them are real), then these as an array
        for number, block in enumerate(blocks):
            missing = size - len(block)
            whole = np.concatenate([block, np.zeros((missing, *block.shape[1:]), block.dtype)]) if missing else block
            seen = put(whole, "batch", *[None] * (block.ndim - 1))
            found.append((self._run(*values, seen), len(block)))
            if number:  # one block is under way while the next is brought
                found[number - 1] = _cut(*found[number - 1])
        if found:
            found[-1] = _cut(*found[-1])
        return np.concatenate(found)


def _cut(answers: Any, num_real: int) -> np.ndarray:
    return np.asarray(answers)[:num_real]


_FORWARD: WeakKeyDictionary[Any, _Forward] = WeakKeyDictionary()


def _answer(network: keras.Model, blocks: Iterator[np.ndarray], size: int) -> np.ndarray:
    if network not in _FORWARD:
        _FORWARD[network] = _Forward(network)
    return _FORWARD[network].answer(network, blocks, size)


def _block_size(num_inputs: int) -> int:
    """Return how many of some inputs are answered at once: a power of two up to the most, shared out evenly."""
    wanted = min(PREDICTED_AT_ONCE[jax.default_backend()], 1 << max(num_inputs - 1, 0).bit_length())
    num_devices = len(keras.distribution.list_devices())
    return math.ceil(wanted / num_devices) * num_devices


def answer_pixels(network: keras.Model, pixels: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return what a network says of uint8 images, [num_images, size, size, 3]: float32, [num_images, num_outputs]."""
    size = _block_size(len(pixels))
    # Mirrored here: in the program it would be a second one to compile, which takes a GPU 15 seconds.
    shown = pixels[:, :, ::-1] if mirrored else pixels
    return _answer(network, (shown[i : i + size] for i in range(0, len(shown), size)), size)


def run_network(network: Any, inputs: Inputs, mirrored: bool = False) -> np.ndarray:
    """Return what a network says of each input, in order: float32, [num_inputs, num_outputs]."""
    unmoved = inputs.unmoved()
    if unmoved is not None and unmoved.ndim == 4:
        return answer_pixels(network, unmoved, mirrored)
    size = _block_size(len(inputs))
    blocks = [np.arange(first, min(first + size, len(inputs))) for first in range(0, len(inputs), size)]
    inputs.expect(blocks)

    def take(rows: np.ndarray) -> np.ndarray:
        return inputs.take(rows, np.full(len(rows), mirrored), np.zeros((len(rows), 2), np.int64))

    return _answer(network, map(take, blocks), size)


def differentiate(function: Callable[[Any], Any], at: np.ndarray) -> np.ndarray:
    """Return the gradient of a function to a scalar: an array like `at`."""
    return np.asarray(jax.grad(function)(jnp.asarray(at)), np.float32)
