"""A training with another seed, judged by the test products; what a kill cuts off goes on from its checkpoint."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.artifacts.training_folder import fetch_states, remove_states
from cdiscount_tasks.errors import DivergedError
from cdiscount_tasks.learning.measuring.joining import join_blocks
from cdiscount_tasks.learning.pictures.inputs import hold_images
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.one_training import Material, carry_through, find_rows, product_of_image, set_up
from cdiscount_tasks.stages.seed_outcomes import Rights, SeedOutcome, diverged
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.vocabulary import TEST

if TYPE_CHECKING:  # Keras
    import keras

    from cdiscount_tasks.learning.networks.phases import Places, Training

logger = logging.getLogger(__name__)


class JudgedImages(NamedTuple):
    """The images of the test products, product after product, as an evaluation asks about them.

    Attributes:
        product_ids: int64, [num_images].
        image_numbers: int8, [num_images].
        class_index: int64, [num_images], as the catalogue gives it.
        product: int64, [num_images], ascending from 0: which product an image belongs to.
    """

    product_ids: npt.NDArray[np.int64]
    image_numbers: npt.NDArray[np.int8]
    class_index: npt.NDArray[np.int64]
    product: npt.NDArray[np.int64]

    @property
    def firsts(self) -> npt.NDArray[np.int64]:
        """Return int64, [num_products]: the first image of each product."""
        return np.unique(self.product, return_index=True)[1]


def read_tested(material: Material) -> JudgedImages:
    """Read the images that trainings are judged by: of test, but for what a champion knows that they begin with.

    Raises:
        DataError: If none is left.
    """
    rows = find_rows(material, TEST)
    product = product_of_image(rows)
    order = np.argsort(product, kind="stable")
    return JudgedImages(rows.product_ids[order], rows.image_numbers[order], rows.class_index[order], product[order])


def _places(training_dir: Path, ends_after: int | None) -> "Places":
    from cdiscount_tasks.learning.networks.phases import Places

    return Places(training_dir, None, ends_after)


def _train(
    material: Material, config: TrainingConfig, training_dir: Path, ends_after: int | None
) -> "tuple[keras.Model, Training]":
    fetch_states(training_dir)
    training, _ = set_up(material, config, partial(_places, training_dir, ends_after))
    return carry_through(training, material.start, training_dir), training


def _judge(
    network: "keras.Model", material: Material, tested: JudgedImages, config: TrainingConfig, spill_dir: Path
) -> tuple[Rights, Rights]:
    """Return bool, [num_products] and [num_images]: what a network judges right, asked as an evaluation asks."""
    from cdiscount_tasks.learning.networks.predict import iter_probabilities

    num_classes, of_images = network.output_shape[-1], []
    rows = rows_of(material.sample_dir, tested.product_ids, tested.image_numbers)
    pictures = hold_images(partial(SampleImages, material.sample_dir), rows, config.image_size, spill_dir)

    def ask() -> Iterator[npt.NDArray[np.float32]]:
        places = np.arange(len(rows))
        for some in iter_probabilities(network, pictures, places, num_classes, flip=True, views=config.views):
            of_images.append(some.argmax(axis=1))
            yield some

    of_products = [joint.argmax(axis=1) for joint in join_blocks(ask(), tested.product)]
    true = tested.class_index
    return np.concatenate(of_products) == true[tested.firsts], np.concatenate(of_images) == true


def train_and_judge(
    material: Material, tested: JudgedImages, config: TrainingConfig, training_dir: Path, ends_after: int | None
) -> SeedOutcome:
    """Train with a seed, or go on where a killed process was, and judge the test products.

    Args:
        material: What is learnt from.
        tested: What it is judged by.
        config: The knobs, with that seed.
        training_dir: For its checkpoints; gone when it is over and kept.
        ends_after: The epoch after which the model's own training was stopped by hand; None: it was not.
    """
    began = time.monotonic()
    try:
        network, training = _train(material, config, training_dir, ends_after)
    except DivergedError as error:
        logger.warning("seed %d: %s", config.seed, error)
        remove_states(training_dir)
        return diverged(config.seed, round(time.monotonic() - began, 3))
    figures, seconds = training.figures(), round(time.monotonic() - began, 3)
    by_hand = ends_after is None and training.stopped_after_epoch is not None
    del training  # with the pictures that were learnt from
    right_products, right_images = _judge(network, material, tested, config, training_dir)
    return SeedOutcome(
        config.seed,
        "stopped" if by_hand else "complete",
        num_epochs=figures["num_epochs"],
        best_epoch=figures["best_epoch"],
        validation_accuracy=figures["validation_accuracy"],
        validation_loss=figures["validation_loss"],
        seconds=seconds,
        right_products=right_products,
        right_images=right_images,
    )
