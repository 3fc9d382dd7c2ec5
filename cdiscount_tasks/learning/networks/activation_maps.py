"""Activation maps: which part of an image spoke for a class.

HiResCAM (Draelos and Carin, 2020, arXiv 2011.08891): of a feature map, each place's features times the gradient of the
class's logit at that same place. On the last feature map of a network that ends in global average pooling and a dense
layer this is the class activation map of Zhou et al., 2016. Grad-CAM averages the gradient over all places; on earlier
maps that finds the right place less often (docs/measurements.md, "Planted marks").
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from cdiscount_tasks.learning.networks.backend import differentiate
from cdiscount_tasks.learning.pictures.inputs import Inputs

FEWEST_PLACES = 7
"""Of a side. A map of 2 x 2 places would colour whole quarters of an image; an earlier one is taken instead."""

_AT_ONCE = 32
"""Images differentiated at a time: what a large network holds for it at 224 pixels is some 20 MB an image."""

_NO_FEATURES = (layers.InputLayer, layers.Rescaling, layers.Normalization, layers.ZeroPadding2D, layers.Dropout)
"""What only prepares an image or a map; padding would also move its places."""


class _Parts(NamedTuple):
    """A network cut at the feature map that is mapped.

    Attributes:
        before: From images to what the mapped model takes.
        first: From there to the features.
        rest: From what the mapped model takes, and the features, to its last output.
        is_pooled: Whether that is pooled already.
    """

    before: Any
    first: keras.Model
    rest: Any
    is_pooled: bool


def _last_large_map(model: keras.Model) -> Any | None:
    """Return the output of the last layer with a feature map of at least 7 x 7 places."""
    for layer in reversed(model.layers):
        if isinstance(layer, (*_NO_FEATURES, keras.Model)):
            continue
        shape = layer.output.shape
        if len(shape) == 4 and min(shape[1:3]) >= FEWEST_PLACES:
            return layer.output
    return None


def _cut(network: keras.Model) -> _Parts | None:
    """Cut a network at its pretrained backbone if it has one; None if no feature map is large enough."""
    parts = network.layers
    inner = next((number for number, part in enumerate(parts) if isinstance(part, keras.Model)), None)
    model = network if inner is None else parts[inner]
    features = _last_large_map(model)
    if features is None:
        return None
    before = (lambda images: images) if inner is None else keras.Model(network.inputs, parts[inner - 1].output)
    last = parts[-1].input if inner is None else model.outputs[0]
    rest = (lambda seen: seen[1]) if last is features else keras.Model([model.input, features], last)
    return _Parts(before, keras.Model(model.input, features), rest, is_pooled=inner is None)


def has_maps(network: keras.Model) -> bool:
    """Tell whether a network has a feature map of at least 7 x 7 places, and ends in a dense layer."""
    return bool(network.layers) and isinstance(network.layers[-1], layers.Dense) and _cut(network) is not None


def _map_batch(network: _Parts, dense: Any, images: np.ndarray, class_index: np.ndarray) -> np.ndarray:
    """Return float32, [num_images, height, width]: features times gradients, times the number of places."""
    taken = network.before(ops.convert_to_tensor(images, "float32"))
    features = ops.convert_to_numpy(ops.cast(network.first(taken), "float32"))
    kernel = ops.take(ops.transpose(ops.cast(dense.kernel, "float32")), class_index, axis=0)

    def asked(features: Any) -> Any:
        last = ops.cast(network.rest([taken, features]), "float32")
        pooled = last if network.is_pooled else ops.mean(last, axis=(1, 2))
        # No image's logit depends on the others, so the gradient of their sum is that of each.
        return ops.sum(pooled * kernel)

    num_places = features.shape[1] * features.shape[2]
    spoke: np.ndarray = num_places * np.sum(features * differentiate(asked, features), axis=-1)
    return spoke


def map_activations(network: keras.Model, inputs: Inputs, rows: np.ndarray, class_index: np.ndarray) -> np.ndarray:
    """Return how much each place of a feature map speaks for one class of each image.

    The map is the last one of at least 7 x 7 places. Where only global average pooling and the dense layer follow it,
    the mean of a map and the class's bias add up to the class's logit.

    Args:
        network: One that `has_maps`, from images to probabilities.
        inputs: Images, taken as they are (not mirrored).
        rows: int64, [num_rows]: which of them.
        class_index: int64, [num_rows]: the class that each is asked about.

    Returns:
        float32, [num_rows, height, width]; negative where a place speaks against the class.

    Raises:
        ValueError: If the network has no such feature map.
    """
    cut = _cut(network)
    dense = network.layers[-1]
    if cut is None or not isinstance(dense, layers.Dense):
        raise ValueError(f"{network.name}: has no feature map of 7 x 7 places before a dense layer; ask has_maps first")
    maps = []
    for first in range(0, len(rows), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        unmoved = np.zeros((len(rows[some]), 2), np.int64)
        images = inputs.take(rows[some], np.zeros(len(rows[some]), np.bool_), unmoved)
        maps.append(_map_batch(cut, dense, images, class_index[some]))
    return np.concatenate(maps) if maps else np.zeros((0, FEWEST_PLACES, FEWEST_PLACES), np.float32)
