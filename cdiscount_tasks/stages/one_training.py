"""A training of a sample's pictures, set up and carried through: for its model, for a search or with another seed."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.features.vectors import HeldVectors, hold_vectors
from cdiscount_tasks.learning.pictures.inputs import Inputs, hold_images
from cdiscount_tasks.machine.device import prepare_device
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import PreviousModel
from cdiscount_tasks.stages.starts import Start
from cdiscount_tasks.tables.features import iter_all_features, read_features_shape
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES
from cdiscount_tasks.tables.seen_before import read_seen
from cdiscount_tasks.tables.training_labels import SplitRows, read_split_rows
from cdiscount_tasks.vocabulary import TRAIN, VALIDATION

if TYPE_CHECKING:  # importing Keras takes ten seconds, for nothing where the model exists already
    import keras

    from cdiscount_tasks.learning.networks.phases import Places, SplitImages, Training


class Material(NamedTuple):
    """What is learnt from: finished artifacts, and what a training begins with; None: from scratch."""

    sample_dir: Path
    labels_dir: Path
    start: Start


def find_rows(material: Material, split: str) -> SplitRows:
    """Return which images of a split a training takes.

    Raises:
        DataError: If none is left.
    """
    start, labels_dir = material.start, material.labels_dir
    seen = read_seen(start.model_dir, start.labels_dir) if isinstance(start, PreviousModel) else None
    found = read_split_rows(labels_dir, split, seen)
    if len(found.places) == 0:
        if seen is None:
            raise DataError(f"{labels_dir}: the {split} split has no image; look at the split in the sample's YAML")
        raise DataError(
            f"{labels_dir}: no image of the {split} split is left that the champion has not learnt from; set weights: "
            "none or imagenet"
        )
    return found


def product_of_image(rows: SplitRows) -> np.ndarray:
    """Return int64, [num_images], in [0, num_products): the products in the order of their first images."""
    return pd.factorize(rows.product_ids)[0].astype(np.int64)


def _read_split(material: Material, split: str, image_size: int, spill_dir: Path) -> "SplitImages":
    """Read which images a split has; `spill_dir` takes the pixels that are too many for the memory."""
    from cdiscount_tasks.learning.networks.phases import SplitImages

    found = find_rows(material, split)

    def hold() -> Inputs:
        rows = rows_of(material.sample_dir, found.product_ids, found.image_numbers)
        return hold_images(partial(SampleImages, material.sample_dir), rows, image_size, spill_dir)

    return SplitImages(places=found.places, class_index=found.class_index, product=product_of_image(found), hold=hold)


def set_up(
    material: Material, config: TrainingConfig, make_places: "Callable[[], Places]"
) -> "tuple[Training, SplitImages]":
    """Prepare the device and a training on it.

    Args:
        material: What is learnt from.
        config: The knobs.
        make_places: Gives where it leaves something; called once the device is set up, since it loads Keras.

    Returns:
        The training, and the images of validation.
    """
    device = prepare_device(config.seed, config.gpus, config.precision)
    device.check_batch(config.batch_size)
    from cdiscount_tasks.learning.networks.phases import Training  # after the device is set up

    places = make_places()
    num_classes = read_table(material.labels_dir / "classes.parquet", CLASSES).num_rows
    learnt, judged = (
        _read_split(material, split, config.image_size, places.training_dir) for split in (TRAIN, VALIDATION)
    )
    return Training((learnt, judged), num_classes, config, device, places), judged


def _hold_features(features_dir: Path, spill_dir: Path, of_splits: Sequence[np.ndarray]) -> list[HeldVectors]:
    """Hold the features of the images that are learnt from or judged; those of the test split stay on disk."""
    shape = read_features_shape(features_dir)
    return hold_vectors(iter_all_features(features_dir), shape, of_splits, spill_dir)


def carry_through(training: "Training", start: Start, training_dir: Path) -> "keras.Model":
    """Train from the start that was chosen; returns the network of the best epoch."""
    if start is None:
        return training.from_scratch()
    if isinstance(start, PreviousModel):
        return training.go_on_from(start.model_dir / "model.keras", read_json(start.model_dir / "input.json"))
    return training.transfer(start.weights_path, partial(_hold_features, start.features_dir, training_dir))
