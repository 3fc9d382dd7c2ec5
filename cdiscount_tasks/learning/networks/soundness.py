"""Is a loaded network fit to be judged? Its image size, its weights and its answers."""

from pathlib import Path

import keras
import numpy as np

from cdiscount_tasks.errors import DataError


def _again(path: Path) -> str:
    return f"remove {path.parent} and run again from train_model"


def check_network(network: keras.Model, image_size: int | None, path: Path) -> None:
    """Refuse a network of another image size than its contract names, or with weights that are no finite numbers.

    Args:
        network: As it was loaded.
        image_size: Side of the images in pixels, as input.json beside the model says.
        path: Of the model, for messages.

    Raises:
        DataError: If it is not fit.
    """
    sides = network.input_shape[1:3]
    if sides != (image_size,) * 2:
        raise DataError(
            f"{path}: takes pictures of {sides[0]} x {sides[1]} pixels, but input.json beside it says {image_size}; "
            f"{_again(path)}"
        )
    bad = [weight.path for weight in network.weights if not np.isfinite(keras.ops.convert_to_numpy(weight)).all()]
    if bad:
        raise DataError(
            f"{path}: {len(bad)} of {len(network.weights)} weights are no finite numbers ({bad[0]}); {_again(path)}"
        )


def check_answers(probabilities: np.ndarray, num_classes: int, path: Path) -> None:
    """Refuse answers that are no probabilities: a figure made from them would be about nothing.

    Args:
        probabilities: float32, [num_images, num_classes].
        num_classes: How many are expected.
        path: Of the model, for messages.

    Raises:
        DataError: If they are of other classes, or not all finite.
    """
    if probabilities.shape[1] != num_classes:
        raise DataError(
            f"{path}: answers with {probabilities.shape[1]} classes, expected {num_classes}; {_again(path)}"
        )
    num_bad = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if num_bad:
        raise DataError(f"{path}: {num_bad} of its {len(probabilities)} answers are no finite numbers; {_again(path)}")
