"""The batches of an epoch, and what a network says of all inputs.

Order and augmentation are functions of (seed, epoch, example) alone, so that a training that was killed and resumed
sees what the undisturbed one saw. Everything is NumPy: no state lives in an input pipeline, on any Keras backend.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cdiscount_tasks.learning.pictures.inputs import Inputs

_PREDICTED_AT_ONCE = 64
"""More is no quicker on a CPU, and a pretrained network's first layers take 10 MB an image."""


@dataclass(frozen=True)
class Examples:
    """Images or features with their class.

    Attributes:
        inputs: What the network sees.
        class_index: int64, [num_examples].
        product: int64, [num_examples], each in [0, num_products): which product an image belongs to.
    """

    inputs: Inputs
    class_index: np.ndarray
    product: np.ndarray

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.class_index)


class EpochBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch, or of what is left of it: functions of (seed, epoch, example) alone."""

    def __init__(self, examples: Examples, batch_size: int, seed: int, epoch: int, first_step: int = 0) -> None:
        """Deal the examples out; a resumed epoch begins with the batch of `first_step`."""
        super().__init__()
        rng = np.random.default_rng([seed, epoch])
        num_examples, most = len(examples), examples.inputs.max_shift
        self._examples, self._batch_size, self._first_step = examples, batch_size, first_step
        self._order = rng.permutation(num_examples)
        self._mirrored = rng.random(num_examples) < 0.5
        self._shift = rng.integers(-most, most + 1, (num_examples, 2))
        starts = range(first_step * batch_size, num_examples, batch_size)
        examples.inputs.expect([self._order[first : first + batch_size] for first in starts])

    def __len__(self) -> int:
        """Return the number of batches that are left."""
        return math.ceil(len(self._order) / self._batch_size) - self._first_step

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch: what the network sees, and int64 [batch]."""
        first = (number + self._first_step) * self._batch_size
        rows = self._order[first : first + self._batch_size]
        inputs = self._examples.inputs.take(rows, self._mirrored[rows], self._shift[rows])
        return inputs, self._examples.class_index[rows]


class _InOrder(keras.utils.PyDataset):  # type: ignore[misc]
    """All inputs in their order, unmoved."""

    def __init__(self, inputs: Inputs, mirrored: bool) -> None:
        super().__init__()
        self._inputs, self._mirrored = inputs, mirrored
        inputs.expect([self._rows(number) for number in range(len(self))])

    def __len__(self) -> int:
        return math.ceil(len(self._inputs) / _PREDICTED_AT_ONCE)

    def _rows(self, number: int) -> np.ndarray:
        first = number * _PREDICTED_AT_ONCE
        return np.arange(first, min(first + _PREDICTED_AT_ONCE, len(self._inputs)))

    def __getitem__(self, number: int) -> tuple[np.ndarray]:
        rows = self._rows(number)
        mirrored = np.full(len(rows), self._mirrored)
        return (self._inputs.take(rows, mirrored, np.zeros((len(rows), 2), np.int64)),)


def run_network(network: Any, inputs: Inputs, mirrored: bool = False) -> np.ndarray:
    """Return what a network says of each input, in order: float32, [num_inputs, num_outputs]."""
    # Half precision has a type of its own, which Parquet does not know.
    return np.asarray(network.predict(_InOrder(inputs, mirrored), verbose=0), np.float32)


def class_weights(class_index: np.ndarray) -> dict[int, float]:
    """Return weights that let every class count the same: num_examples / (num_classes * examples of the class)."""
    classes, counts = np.unique(class_index, return_counts=True)
    weights = (len(class_index) / (len(classes) * counts)).tolist()
    return dict(zip(classes.tolist(), weights, strict=True))
