"""Class probabilities of pictures, and of products from their pictures."""

import keras
import numpy as np

from cdiscount_tasks.learning.batches import run_network
from cdiscount_tasks.learning.inputs import Inputs

_TINY = np.float32(1e-7)


def predict_images(network: keras.Model, inputs: Inputs, flip: bool) -> np.ndarray:
    """Return the class probabilities of pictures.

    Args:
        network: From pictures or features to probabilities.
        inputs: What it sees.
        flip: Whether each picture is judged together with its mirror image (geometric mean of the two).

    Returns:
        float32, [num_images, num_classes], rows sum to 1.
    """
    probabilities = [run_network(network, inputs, mirrored) for mirrored in ((False, True) if flip else (False,))]
    return joint_probabilities(np.concatenate(probabilities), np.tile(np.arange(len(inputs)), len(probabilities)))


def joint_probabilities(probabilities: np.ndarray, product_of_image: np.ndarray) -> np.ndarray:
    """Join the class probabilities of each product's images by their normalised geometric mean.

    It beat the arithmetic mean by 0.26 points and single images by 2.5 on 353,494 products (mwbyeon/kaggle-cdiscount).

    Args:
        probabilities: float32, [num_images, num_classes], rows sum to 1.
        product_of_image: int64, [num_images], each in [0, num_products), every product at least once.

    Returns:
        float32, [num_products, num_classes], rows sum to 1.
    """
    num_products = int(product_of_image.max(initial=-1)) + 1
    logs = np.zeros((num_products, probabilities.shape[1]))
    np.add.at(logs, product_of_image, np.log(np.maximum(probabilities, _TINY)))
    logs /= np.bincount(product_of_image, minlength=num_products)[:, None]
    joint = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float32)
