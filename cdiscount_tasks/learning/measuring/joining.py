"""Class probabilities of products, from those of their images."""

import numpy as np

SMALLEST_PROBABILITY = np.float32(1e-7)
"""A smaller one counts as this: the logarithm of 0 is none."""


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
    np.add.at(logs, product_of_image, np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)))
    logs /= np.bincount(product_of_image, minlength=num_products)[:, None]
    joint = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float32)
