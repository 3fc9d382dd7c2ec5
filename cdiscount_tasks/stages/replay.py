"""A model's recorded answers, given again: does the file that was published still say what was measured?

Writes no artifact.
"""

import logging
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures.inputs import hold_images
from cdiscount_tasks.machine.gpus import prepare_device
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predictions import ImageProbabilities, read_image_probabilities
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES
from cdiscount_tasks.vocabulary import TEST

logger = logging.getLogger(__name__)

MOST_IMAGES = 256

EXACT = 1e-5


class Replayed(NamedTuple):
    """What came of a replay.

    Attributes:
        num_images: How many test images were predicted again.
        max_difference: The largest difference of a probability, absolute.
        tolerance: What was allowed.
    """

    num_images: int
    max_difference: float
    tolerance: float


def choose_images(images: pd.DataFrame, most: int = MOST_IMAGES) -> np.ndarray:
    """Choose test images by a fixed rule: as many of each class as of the others, where it has them.

    Args:
        images: Columns split, class_index; a row an image.
        most: How many at most.

    Returns:
        int64, [num_chosen], the rows' places, ascending.
    """
    places = np.flatnonzero(images["split"] == TEST)
    shuffled = np.random.default_rng(0).permutation(places)
    # The first of every class, then the second of every class, and so on.
    turn = pd.Series(images["class_index"].to_numpy()[shuffled]).groupby(images["class_index"].to_numpy()[shuffled])
    first = np.argsort(turn.cumcount().to_numpy(), kind="stable")[:most]
    return np.sort(shuffled[first])


def tolerance_of(model_dir: Path, evaluation_dir: Path) -> float:
    """Return by how much a probability may differ, by where and in which precision it was recorded."""
    return EXACT


def _answers(model_dir: Path, sample_dir: Path, asked: pd.DataFrame, num_classes: int) -> np.ndarray:
    """Predict images as an evaluation does: float32, [num_images, num_classes], row for row."""
    prepare_device(seed=0)
    from cdiscount_tasks.learning.networks.loading import load_network  # after the device is set up
    from cdiscount_tasks.learning.networks.predict import predict_images
    from cdiscount_tasks.learning.networks.soundness import check_answers

    contract = read_json(model_dir / "input.json")
    network = load_network(model_dir / "model.keras", contract)
    rows = rows_of(sample_dir, asked["product_id"].to_numpy(), asked["image_number"].to_numpy())
    with tempfile.TemporaryDirectory() as spill_dir:
        pictures = hold_images(partial(SampleImages, sample_dir), rows, contract["image_size"], Path(spill_dir))
        answers = predict_images(network, pictures, flip=True)
    check_answers(answers, num_classes, model_dir / "model.keras")
    return answers


def _compare(recorded: ImageProbabilities, answers: np.ndarray, tolerance: float, model_dir: Path) -> Replayed:
    """Compare answers with what was recorded of the same images.

    Raises:
        DataError: If one differs by more than the tolerance; names the image that differs most.
    """
    found = np.take_along_axis(answers, recorded.classes, axis=1)
    difference = np.abs(found - recorded.probabilities)
    place = np.unravel_index(int(difference.argmax()), difference.shape)
    worst = float(difference[place])
    if worst > tolerance:
        image, expected = recorded.images.iloc[place[0]], recorded.probabilities[place]
        num_other = int((difference > tolerance).any(axis=1).sum())
        raise DataError(
            f"{model_dir / 'model.keras'}: gives image {image['image_number']} of product {image['product_id']} the "
            f"probability {found[place]:.6f} for class {recorded.classes[place]}, expected {expected:.6f} as its "
            f"evaluation recorded, to {tolerance:g} ({num_other} of {len(found)} images differ by more); it is not the "
            "model that was measured, or this machine computes differently: run again from evaluate_model"
        )
    return Replayed(len(found), worst, tolerance)


def repeat_answers(model_dir: Path, evaluation_dir: Path, sample_dir: Path) -> Replayed:
    """Load a model, and repeat up to 256 of the test predictions that its evaluation recorded.

    Args:
        model_dir: Finished model artifact.
        evaluation_dir: Finished evaluation artifact of this model.
        sample_dir: Finished sample artifact that it was evaluated on.

    Raises:
        DataError: If the model is damaged, cannot be loaded, is not the one that was evaluated, or answers differently.
        OSError: If a file cannot be read for now.
    """
    for artifact_dir in (model_dir, evaluation_dir):
        verify_artifact(artifact_dir)
    inputs = read_manifest(evaluation_dir)["inputs"]
    for name, artifact_dir in (("model", model_dir), ("sample", sample_dir)):
        if inputs[name] != (found := read_manifest(artifact_dir)["identity"]):
            raise DataError(
                f"{evaluation_dir}: is of {name} {inputs[name]}, expected {found} ({artifact_dir}); run again from "
                "evaluate_model"
            )
    num_classes = read_table(model_dir / "classes.parquet", CLASSES).num_rows
    recorded = read_image_probabilities(evaluation_dir, num_classes)
    chosen = choose_images(recorded.images)
    if not len(chosen):
        raise DataError(f"{evaluation_dir}: has no test image, expected one at least; run again from evaluate_model")
    recorded = ImageProbabilities(recorded.images.iloc[chosen], *(part[chosen] for part in recorded[1:]))
    answers = _answers(model_dir, sample_dir, recorded.images, num_classes)
    return _compare(recorded, answers, tolerance_of(model_dir, evaluation_dir), model_dir)
