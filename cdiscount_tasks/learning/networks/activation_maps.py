"""Class activation maps: which part of a picture spoke for a class.

After Zhou et al., 2016, "Learning Deep Features for Discriminative Localization".

A network that ends in global average pooling and a dense layer adds up, over all places of its last feature map, the
features times the class's weights; the map shows the summands. No gradients, no other network.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from cdiscount_tasks.learning.networks.batches import run_network
from cdiscount_tasks.learning.pictures.inputs import Inputs

_AT_ONCE = 256
"""Feature maps held at a time: of a large network at 224 pixels some 250 KB a picture."""


class _Ending(NamedTuple):
    """The last two layers that count."""

    pooling: Any
    dense: Any


def _find_ending(network: keras.Model) -> _Ending | None:
    """Return global average pooling and the dense layer behind it; None if the network ends in another way."""
    found = [layer for layer in network.layers if not isinstance(layer, layers.Dropout)][-2:]
    if len(found) < 2 or not isinstance(found[0], layers.GlobalAveragePooling2D):
        return None
    return _Ending(*found) if isinstance(found[1], layers.Dense) else None


def has_maps(network: keras.Model) -> bool:
    """Tell whether a network ends in global average pooling and a dense layer, between which nothing but dropout is."""
    return _find_ending(network) is not None


class _Rows:
    """Some rows of the inputs."""

    max_shift = 0

    def __init__(self, inputs: Inputs, rows: np.ndarray) -> None:
        self._inputs, self._rows = inputs, rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        return self._inputs.take(self._rows[rows], mirrored, shift)


def map_activations(network: keras.Model, inputs: Inputs, rows: np.ndarray, class_index: np.ndarray) -> np.ndarray:
    """Return how much each place of the last feature map speaks for one class of each picture.

    The mean of a map and the class's bias add up to the class's logit.

    Args:
        network: One that `has_maps`, from pictures to probabilities.
        inputs: Pictures, taken as they are (not mirrored).
        rows: int64, [num_rows]: which of them.
        class_index: int64, [num_rows]: the class that each is asked about.

    Returns:
        float32, [num_rows, height, width]; negative where a place speaks against the class.

    Raises:
        ValueError: If the network ends in another way.
    """
    ending = _find_ending(network)
    if ending is None:
        raise ValueError(f"{network.name}: ends in no global average pooling with a dense layer; ask has_maps first")
    to_features = keras.Model(network.inputs, ending.pooling.input)
    weights = keras.ops.convert_to_numpy(ending.dense.kernel).astype(np.float32)
    maps = []
    for first in range(0, len(rows), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        features = run_network(to_features, _Rows(inputs, rows[some]))
        maps.append(np.einsum("nhwc,cn->nhw", features, weights[:, class_index[some]]))
    return np.concatenate(maps) if maps else np.zeros((0, 1, 1), np.float32)
