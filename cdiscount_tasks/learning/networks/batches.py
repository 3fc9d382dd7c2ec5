"""Examples, and the order in which an epoch shows them.

Order and augmentation are functions of (seed, epoch, example) alone, so that a training that was killed and resumed
sees what the undisturbed one saw. Everything is NumPy: no state lives in an input pipeline, on any Keras backend.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from cdiscount_tasks.learning.pictures.inputs import Inputs
from cdiscount_tasks.learning.pictures.shifted import WHOLE
from cdiscount_tasks.settings.training import TrainingConfig


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


_LEAST_RATIO = 3 / 4
"""Of the sides of a random crop; the greatest one is its inverse."""


class Ways(NamedTuple):
    """How the pictures of an epoch are changed, beside their mirroring.

    Attributes:
        crop_area: Least share of a picture that a random crop keeps; None: they are moved, not cropped.
    """

    crop_area: float | None = None

    @classmethod
    def of(cls, config: TrainingConfig) -> Self:
        """Return what the knobs say."""
        return cls(config.crop_area if config.augmentation == "crops" else None)


class EpochOrder(NamedTuple):
    """In which order an epoch shows its examples, and how: a function of (seed, epoch, example) alone.

    Attributes:
        rows: int64, [num_examples], every example once.
        mirrored: bool, [num_examples], by example, not by place.
        shift: int64, [num_examples, 2], by example: down and to the right, each in [-max_shift, max_shift]. Of random
            crops [num_examples, 4]: see `place_crop`.
    """

    rows: np.ndarray
    mirrored: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, num_examples: int, max_shift: int, seed: int, epoch: int, ways: Ways = Ways()) -> Self:  # noqa: B008
        """Deal the examples of an epoch out."""
        rng = np.random.default_rng([seed, epoch])
        rows = rng.permutation(num_examples)
        mirrored = rng.random(num_examples) < 0.5
        if ways.crop_area is None:
            shift = rng.integers(-max_shift, max_shift + 1, (num_examples, 2))
        else:
            shift = _draw_crops(rng, num_examples, ways.crop_area)
        return cls(rows, mirrored, shift)


def _draw_crops(rng: np.random.Generator, num_examples: int, least_area: float) -> np.ndarray:
    """Draw parts of pictures: int64, [num_examples, 4], top, height, left and width in shares of 1 / WHOLE."""
    area = rng.uniform(least_area, 1, num_examples)
    ratio = np.exp(rng.uniform(np.log(_LEAST_RATIO), -np.log(_LEAST_RATIO), num_examples))
    sides = np.minimum(np.sqrt(np.stack([area / ratio, area * ratio], axis=1)), 1)
    sides = np.maximum((sides * WHOLE).astype(np.int64), 1)
    places = (rng.random((num_examples, 2)) * (WHOLE - sides)).astype(np.int64)
    return np.stack([places[:, 0], sides[:, 0], places[:, 1], sides[:, 1]], axis=1)


def class_weights(class_index: np.ndarray) -> dict[int, float]:
    """Return weights that let every class count the same: num_examples / (num_classes * examples of the class)."""
    classes, counts = np.unique(class_index, return_counts=True)
    weights = (len(class_index) / (len(classes) * counts)).tolist()
    return dict(zip(classes.tolist(), weights, strict=True))
