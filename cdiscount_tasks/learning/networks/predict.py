"""Class probabilities of images, as a network sees them."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.networks.backend import run_network
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory, Inputs
from cdiscount_tasks.learning.pictures.shifted import VIEWS

_STEP = 512
"""A block holds so many images or a multiple, the last one at least as many: of the batches that the backends cut it
into (64, or 512), none is then other than if they cut all images, and so no answer is, to the last bit."""

_CELLS_AT_ONCE = 8_000_000
"""Images x classes of a block: 32 MB, some ten times as much while they are joined."""

_PIXEL_BYTES_AT_ONCE = 128 << 20


class _Some:
    """Some of the inputs that lie in memory; all that the network asks for is asked there."""

    def __init__(self, inputs: Inputs, rows: np.ndarray) -> None:
        self._inputs, self._rows, self.max_shift = inputs, rows, inputs.max_shift

    def __len__(self) -> int:
        return len(self._rows)

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        self._inputs.expect([self._rows[batch] for batch in batches])

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        return self._inputs.take(self._rows[rows], mirrored, shift)

    def unmoved(self) -> np.ndarray | None:
        found, first, end = self._inputs.unmoved(), self._rows[0], self._rows[-1] + 1
        if found is None:
            return None
        in_order = np.array_equal(self._rows, np.arange(first, end))
        return found[first:end] if in_order else found[self._rows]  # the first is no copy


class _Cropped:
    """The same part of each image, scaled to the whole."""

    def __init__(self, inputs: Inputs, crop: Sequence[int]) -> None:
        self._inputs, self._crop, self.max_shift = inputs, np.array([crop]), inputs.max_shift

    def __len__(self) -> int:
        return len(self._inputs)

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        self._inputs.expect(batches)

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:  # noqa: ARG002
        return self._inputs.take(rows, mirrored, np.repeat(self._crop, len(rows), axis=0))

    def unmoved(self) -> None:
        return None


def _take(inputs: Inputs, rows: np.ndarray) -> np.ndarray:
    return inputs.take(rows, np.zeros(len(rows), np.bool_), np.zeros((len(rows), 2), np.int64))


def _blocks(rows: np.ndarray, at_once: int) -> list[np.ndarray]:
    """Cut rows into blocks of `at_once`, the last of which is not shorter."""
    return np.split(rows, range(at_once, len(rows) - at_once + 1, at_once)) if len(rows) else []


def _iter_blocks(inputs: Inputs, rows: np.ndarray, num_classes: int) -> Iterator[Inputs]:
    """Yield the inputs of a block, one after another: images that do not lie in memory are read or decoded once."""
    if not len(rows):
        return
    one = _take(inputs, rows[:1])
    at_once = min(_CELLS_AT_ONCE // num_classes, _PIXEL_BYTES_AT_ONCE // one.nbytes) // _STEP * _STEP
    blocks = _blocks(rows, max(at_once, _STEP))
    if inputs.unmoved() is not None or one.ndim != 4:
        yield from (_Some(inputs, block) for block in blocks)
        return
    pieces = [[block[first : first + _STEP] for first in range(0, len(block), _STEP)] for block in blocks]
    inputs.expect([piece for some in pieces for piece in some])
    for block, some in zip(blocks, pieces, strict=True):
        yield ImagesInMemory((_take(inputs, piece) for piece in some), len(block), one.shape[1], mirrored=False)


def iter_probabilities(
    network: keras.Model, inputs: Inputs, rows: np.ndarray, num_classes: int, flip: bool, views: str = "flip"
) -> Iterator[np.ndarray]:
    """Yield the class probabilities of some images, of several hundred or thousand at a time.

    Args:
        network: From images or features to probabilities.
        inputs: What it sees.
        rows: int64, ascending for speed: which of them.
        num_classes: Of how many classes it speaks.
        flip: Whether each image is judged together with its mirror image (geometric mean of the two).
        views: As the knob: which parts of it are judged with it.

    Yields:
        float32, [some images, num_classes], rows sum to 1, image after image.
    """
    for block in _iter_blocks(inputs, rows, num_classes):
        yield predict_images(network, block, flip, views)


def predict_images(network: keras.Model, inputs: Inputs, flip: bool, views: str = "flip") -> np.ndarray:
    """Return the class probabilities of images.

    Args:
        network: From images or features to probabilities.
        inputs: What it sees.
        flip: Whether each image is judged together with its mirror image (geometric mean of the two).
        views: As the knob: which parts of it are judged with it.

    Returns:
        float32, [num_images, num_classes], rows sum to 1.
    """
    shown = [inputs if crop is None else _Cropped(inputs, crop) for crop in VIEWS[views]]
    sides = (False, True) if flip else (False,)
    probabilities = [run_network(network, view, mirrored) for view in shown for mirrored in sides]
    return joint_probabilities(np.concatenate(probabilities), np.tile(np.arange(len(inputs)), len(probabilities)))
