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
from cdiscount_tasks.machine.device import prepare_device
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predictions import ImageProbabilities, read_image_probabilities
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES
from cdiscount_tasks.vocabulary import TEST

logger = logging.getLogger(__name__)

MOST_IMAGES = 256


class Tolerance(NamedTuple):
    """By how much probabilities may differ, absolute: one at most, and the mean over images of the largest of each."""

    most: float
    mean: float


# Measured on 256 test images of two networks (a tuned mobilenet_v3_small, a small_cnn), each computed by two different
# implementations (oneDNN, Eigen) and against float32: float32 differs by 1.7e-6 at most; numbers of 10 bits by 0.019,
# 0.001 in the mean; of 7 bits by 0.13, 0.009 in the mean. A rounding early in a network grows in its later layers.
_WHOLE = Tolerance(1e-5, 1e-5)
_OF_PRECISION = {
    "float32": _WHOLE,
    "mixed_float16": Tolerance(0.05, 0.005),
    "mixed_bfloat16": Tolerance(0.3, 0.03),
}


class Replayed(NamedTuple):
    """What came of a replay.

    Attributes:
        num_images: How many test images were predicted again.
        max_difference: The largest difference of a probability, absolute.
        tolerance: What was allowed of one.
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


def tolerance_of(precision: str, *devices: str) -> Tolerance:
    """Return by how much probabilities may differ here from those that were recorded.

    Args:
        precision: Keras' dtype policy of the model.
        devices: On which it was evaluated, and on which it answers now. GPUs multiply float32 numbers with 10 bits of
            their mantissas (TF32).
    """
    on_gpu = any(device.startswith("GPU") for device in devices)
    return _OF_PRECISION["mixed_float16" if on_gpu and precision == "float32" else precision]


def _answers(model_dir: Path, sample_dir: Path, asked: pd.DataFrame, num_classes: int) -> tuple[np.ndarray, str]:
    """Predict images as an evaluation does: float32, [num_images, num_classes], row for row; and on which device."""
    device = prepare_device(seed=0)
    from cdiscount_tasks.learning.networks.loading import load_network  # after the device is set up
    from cdiscount_tasks.learning.networks.predict import predict_images
    from cdiscount_tasks.learning.networks.soundness import check_answers

    contract = read_json(model_dir / "input.json")
    network = load_network(model_dir / "model.keras", contract)
    rows = rows_of(sample_dir, asked["product_id"].to_numpy(), asked["image_number"].to_numpy())
    with tempfile.TemporaryDirectory() as spill_dir:
        pictures = hold_images(partial(SampleImages, sample_dir), rows, contract["image_size"], Path(spill_dir))
        answers = predict_images(network, pictures, flip=True, views=contract.get("views", "flip"))
    check_answers(answers, num_classes, model_dir / "model.keras")
    return answers, device.name


def compare(recorded: ImageProbabilities, answers: np.ndarray, tolerance: Tolerance, path: Path) -> Replayed:
    """Compare answers with what was recorded of the same images.

    Args:
        recorded: Of each image.
        answers: float32, [num_images, num_classes], row for row.
        tolerance: By how much they may differ.
        path: Of the model, for messages.

    Raises:
        DataError: If they differ by more; names the image that differs most.
    """
    found = np.take_along_axis(answers, recorded.classes, axis=1)
    difference = np.abs(found - recorded.probabilities)
    place = np.unravel_index(int(difference.argmax()), difference.shape)
    worst, mean = float(difference[place]), float(difference.max(axis=1).mean())
    if worst > tolerance.most or mean > tolerance.mean:
        image, expected = recorded.images.iloc[place[0]], recorded.probabilities[place]
        raise DataError(
            f"{path}: gives image {image['image_number']} of product {image['product_id']} the probability "
            f"{found[place]:.6f} for class {recorded.classes[place]}, expected {expected:.6f} as its evaluation "
            f"recorded, to {tolerance.most:g} ({mean:.2g} in the mean of {len(found)} images, expected up to "
            f"{tolerance.mean:g}); it is not the model that was measured, or this machine computes "
            "differently: run again from evaluate_model"
        )
    return Replayed(len(found), worst, tolerance.most)


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
    evaluation, model = read_manifest(evaluation_dir), read_manifest(model_dir)
    for name, found in (("model", model["identity"]), ("sample", read_manifest(sample_dir)["identity"])):
        if evaluation["inputs"][name] != found:
            raise DataError(
                f"{evaluation_dir}: is of {name} {evaluation['inputs'][name]}, expected {found}; run again from "
                "evaluate_model"
            )
    num_classes = read_table(model_dir / "classes.parquet", CLASSES).num_rows
    recorded = read_image_probabilities(evaluation_dir, num_classes)
    chosen = choose_images(recorded.images)
    if not len(chosen):
        raise DataError(f"{evaluation_dir}: has no test image, expected one at least; run again from evaluate_model")
    recorded = ImageProbabilities(recorded.images.iloc[chosen], *(part[chosen] for part in recorded[1:]))
    answers, device = _answers(model_dir, sample_dir, recorded.images, num_classes)
    tolerance = tolerance_of(model["result"]["precision"], evaluation["result"]["device"], device)
    return compare(recorded, answers, tolerance, model_dir / "model.keras")
