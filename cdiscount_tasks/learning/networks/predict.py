"""Class probabilities of images, as a network sees them."""

import keras
import numpy as np

from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.networks.backend import run_network
from cdiscount_tasks.learning.pictures.inputs import Inputs


def predict_images(network: keras.Model, inputs: Inputs, flip: bool) -> np.ndarray:
    """Return the class probabilities of images.

    Args:
        network: From images or features to probabilities.
        inputs: What it sees.
        flip: Whether each image is judged together with its mirror image (geometric mean of the two).

    Returns:
        float32, [num_images, num_classes], rows sum to 1.
    """
    probabilities = [run_network(network, inputs, mirrored) for mirrored in ((False, True) if flip else (False,))]
    return joint_probabilities(np.concatenate(probabilities), np.tile(np.arange(len(inputs)), len(probabilities)))
