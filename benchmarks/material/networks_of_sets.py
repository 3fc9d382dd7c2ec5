"""Networks that join a product's images, on trial beside the geometric mean: from a set of vectors to probabilities.

A vector is of an image's features, or of the logarithms of what the head says of it: its answers. Every way on answers
begins as the geometric mean, and learns what differs from it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT as NUM_SLOTS


def lay_out(vectors: np.ndarray, product: np.ndarray, image_number: np.ndarray) -> np.ndarray:
    """Lay the vectors of each product's images side by side, each with its number, as one long vector.

    Args:
        vectors: float32, [num_images, sides, num_features].
        product: int64, [num_images], each in [0, num_products), every product at least once.
        image_number: int8, [num_images], each in [0, 4).

    Returns:
        float32, [num_products, sides, 4 * (num_features + 4)]; of an image that is absent all is 0.
    """
    _, sides, num_features = vectors.shape
    slots = np.zeros((product.max() + 1, sides, NUM_SLOTS, num_features + NUM_SLOTS), np.float32)
    slots[product, :, image_number, :num_features] = vectors
    slots[product, :, image_number, num_features + image_number.astype(np.int64)] = 1
    return slots.reshape(*slots.shape[:2], -1)


def _mean(x: Any, number: Any, scores: Any = None) -> Any:
    """Return the mean of the images that are there, weighted by the softmax of their scores."""
    from keras import ops

    here = ops.sum(number, axis=2, keepdims=True)
    weights = ops.softmax((0 if scores is None else scores) - 1e9 * (1 - here), axis=1)
    return ops.sum(weights * x, axis=1)


def _score(x: Any) -> Any:
    """Return a score of each image, at first the same for all."""
    from keras import layers

    return layers.Dense(1, use_bias=False, kernel_initializer="zeros")(x)


def _of_mean(features: Any, number: Any) -> Any:
    return _mean(features, number)


def _attended(features: Any, number: Any) -> Any:
    """Let each image's features say how much it counts (Ilse et al., 2018)."""
    from keras import layers

    seen = layers.Dense(64, activation="tanh")(layers.Concatenate()([features, number]))
    return _mean(features, number, _score(seen))


def _by_number(logs: Any, number: Any) -> Any:
    return _mean(logs, number, _score(number))


def _by_count(logs: Any, number: Any) -> Any:
    """Scale by how many images there are: a temperature of each count."""
    from keras import ops

    count = ops.cast(ops.sum(number, axis=(1, 2)), "int32")
    return _mean(logs, number) * ops.exp(_score(ops.one_hot(count - 1, NUM_SLOTS)))


def _deep_set_of_answers(logs: Any, number: Any) -> Any:
    """Add to the geometric mean what a layer makes of each image's answers (Zaheer et al., 2017)."""
    from keras import layers

    seen = layers.Dense(32, activation="relu")(layers.Concatenate()([logs, number]))
    more = layers.Dense(logs.shape[-1], kernel_initializer="zeros")(_mean(seen, number))
    return _mean(logs, number) + more


Pool = Callable[[Any, Any], Any]

OF_FEATURES: dict[str, Pool] = {"mean_of_features": _of_mean, "attention": _attended}
OF_ANSWERS: dict[str, Pool] = {
    "by_number": _by_number,
    "by_count": _by_count,
    "deep_set_of_answers": _deep_set_of_answers,
}


def build_joining(way: str, num_features: int, num_classes: int, dropout: float) -> Any:
    """Build a network from what `lay_out` makes to class probabilities.

    Args:
        way: One of OF_FEATURES or OF_ANSWERS.
        num_features: Of an image; of answers as many as there are classes.
        num_classes: Number of outputs.
        dropout: Share of the features that the classifying layer does without; of answers not looked at.

    Returns:
        A Keras model from float32 [batch, 4 * (num_features + 4)] to float32 [batch, num_classes].
    """
    import keras
    from keras import layers

    inputs = keras.Input((NUM_SLOTS * (num_features + NUM_SLOTS),), name="images")
    slots = layers.Reshape((NUM_SLOTS, num_features + NUM_SLOTS))(inputs)
    of_image, number = slots[:, :, :num_features], slots[:, :, num_features:]
    if way in OF_ANSWERS:
        found = layers.Softmax()(OF_ANSWERS[way](of_image, number))
    else:
        found = layers.Dropout(dropout)(OF_FEATURES[way](of_image, number))
        found = layers.Dense(num_classes, activation="softmax")(found)
    return keras.Model(inputs, found, name=way)
