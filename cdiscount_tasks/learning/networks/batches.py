"""Examples, and the order in which an epoch shows them.

Order and augmentation are functions of (seed, epoch, example) alone, so that a training that was killed and resumed
sees what the undisturbed one saw. Everything is NumPy: no state lives in an input pipeline, on any Keras backend.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from cdiscount_tasks.learning.networks.balanced import choose_balanced
from cdiscount_tasks.learning.pictures.inputs import Inputs
from cdiscount_tasks.learning.pictures.mixed import Mix, draw_mix
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


_MIXED_EPOCHS = 0.9
"""In so many of the epochs pictures are mixed."""


class Ways(NamedTuple):
    """Which pictures an epoch shows, and how they are changed, beside their mirroring.

    Attributes:
        crop_area: Least share of a picture that a random crop keeps; None: they are moved, not cropped.
        mixing: As the knob; none: none is mixed, and nothing drawn for it.
        mixed_share: Of the pictures.
        size: Side in pixels that they are scaled down to; None: as they are held.
        class_balance: As the knob.
    """

    crop_area: float | None = None
    mixing: str = "none"
    mixed_share: float = 0.0
    size: int | None = None
    class_balance: float = 0.0

    @classmethod
    def of(cls, config: TrainingConfig, epoch: int) -> Self:
        """Return what the knobs say; the last epochs see pictures as they are answered later."""
        crop_area = config.crop_area if config.augmentation == "crops" else None
        is_mixed = config.mixing != "none" and epoch <= _MIXED_EPOCHS * config.epochs
        size = config.smaller_size if epoch <= config.smaller_first * config.epochs else None
        return cls(crop_area, config.mixing, config.mixing_share if is_mixed else 0.0, size, config.class_balance)


class EpochOrder(NamedTuple):
    """In which order an epoch shows its examples, and how: a function of (seed, epoch, example) alone.

    Where classes are balanced, an example may be shown several times, each time changed in another way: what is said
    here of an example is said of one showing of it.

    Attributes:
        rows: int64, [num_examples], every example once.
        mirrored: bool, [num_examples], by example, not by place.
        shift: int64, [num_examples, 2], by example: down and to the right, each in [-max_shift, max_shift]. Of random
            crops [num_examples, 4]: top, height, left and width.
        shown: int64, [num_examples]: which example each showing is of; as they are, each of its own.
        mix: By example; its partner is the one that stands as far from the end of the batch. None: nothing is mixed.
    """

    rows: np.ndarray
    mirrored: np.ndarray
    shift: np.ndarray
    shown: np.ndarray
    mix: Mix | None = None

    @classmethod
    def of(
        cls,
        class_index: np.ndarray,
        max_shift: int,
        seed: int,
        epoch: int,
        ways: Ways = Ways(),  # noqa: B008
    ) -> Self:
        """Deal the examples of an epoch out; `class_index`: int64, [num_examples]."""
        num_examples = len(class_index)
        rng = np.random.default_rng([seed, epoch])
        rows = rng.permutation(num_examples)
        mirrored = rng.random(num_examples) < 0.5
        if ways.crop_area is None:
            shift = rng.integers(-max_shift, max_shift + 1, (num_examples, 2))
        else:
            shift = _draw_crops(rng, num_examples, ways.crop_area)
        mix = None if ways.mixing == "none" else draw_mix(rng, num_examples, ways.mixing, ways.mixed_share)
        shown = np.arange(num_examples)
        if ways.class_balance:
            shown = choose_balanced(class_index, ways.class_balance, seed, epoch)
        return cls(rows, mirrored, shift, shown, mix)


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


def weights_of(examples: Examples, config: TrainingConfig) -> np.ndarray:
    """Return float32, [num_examples]: how much each counts."""
    if not config.class_weights:
        return np.ones(len(examples), np.float32)
    by_class = class_weights(examples.class_index)
    of_class = np.zeros(max(by_class) + 1, np.float32)
    of_class[list(by_class)] = list(by_class.values())
    weights: np.ndarray = of_class[examples.class_index]
    return weights
