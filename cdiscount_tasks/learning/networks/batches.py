"""Examples, and the order in which an epoch shows them.

Order and augmentation are functions of (seed, epoch, example) alone, so that a training that was killed and resumed
sees what the undisturbed one saw. Everything is NumPy: no state lives in an input pipeline, on any Keras backend.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from cdiscount_tasks.learning.pictures.inputs import Inputs


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


class EpochOrder(NamedTuple):
    """In which order an epoch shows its examples, and how: a function of (seed, epoch, example) alone.

    Attributes:
        rows: int64, [num_examples], every example once.
        mirrored: bool, [num_examples], by example, not by place.
        shift: int64, [num_examples, 2], by example: down and to the right, each in [-max_shift, max_shift].
    """

    rows: np.ndarray
    mirrored: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, num_examples: int, max_shift: int, seed: int, epoch: int) -> Self:
        """Deal the examples of an epoch out."""
        rng = np.random.default_rng([seed, epoch])
        rows = rng.permutation(num_examples)
        mirrored = rng.random(num_examples) < 0.5
        return cls(rows, mirrored, rng.integers(-max_shift, max_shift + 1, (num_examples, 2)))


def class_weights(class_index: np.ndarray) -> dict[int, float]:
    """Return weights that let every class count the same: num_examples / (num_classes * examples of the class)."""
    classes, counts = np.unique(class_index, return_counts=True)
    weights = (len(class_index) / (len(classes) * counts)).tolist()
    return dict(zip(classes.tolist(), weights, strict=True))
