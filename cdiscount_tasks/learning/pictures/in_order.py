"""Images once each, in their order, decoded ahead of the network that looks at them."""

from collections.abc import Callable, Iterator

import numpy as np

from cdiscount_tasks.learning.networks.batches_ahead import BatchesAhead
from cdiscount_tasks.learning.pictures.inputs import IMAGES_WORTH_PROCESSES, read_images_ahead
from cdiscount_tasks.vocabulary import ShufflableSource

_MOST_IMAGES, _FEWEST_IMAGES = 512, 64
_MOST_BYTES = 64 << 20
"""Of the images that are handed out together; some six times as much is decoded and waits."""


class ImagesInOrder:
    """Images once each, in their order: by processes that decode ahead where there are many, else by a thread.

    Attributes:
        waited_s: How long whoever takes them has waited.
    """

    def __init__(self, open_source: Callable[[], ShufflableSource], rows: np.ndarray, image_size: int) -> None:
        """Take where images are.

        Args:
            open_source: Opens the encoded images; picklable, since processes call it.
            rows: int64, [num_images]: which of them, ascending for speed.
            image_size: Side in pixels that they are scaled to.
        """
        self.waited_s = 0.0
        at_once = _images_at_once(image_size)
        everything = np.arange(len(rows))
        self._batches = [everything[first : first + at_once] for first in range(0, len(rows), at_once)]
        self._images = read_images_ahead(open_source, rows, image_size)

    def _decode(self, number: int) -> np.ndarray:
        batch = self._batches[number]
        return self._images.take(batch, np.zeros(len(batch), bool), np.zeros((len(batch), 2), np.int64))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield uint8, [n, image_size, image_size, 3].

        Raises:
            DataError: If an image no longer decodes.
        """
        if sum(map(len, self._batches)) > IMAGES_WORTH_PROCESSES:
            self._images.expect(self._batches)
        ahead = BatchesAhead(self._decode, 0, len(self._batches))
        try:
            for _ in self._batches:
                yield ahead.next()
        finally:
            ahead.end()
            self.waited_s += ahead.waited_s


def _images_at_once(image_size: int) -> int:
    """Return how many images are handed out together: a power of two, the sizes that networks are compiled for."""
    most = max(_FEWEST_IMAGES, min(_MOST_IMAGES, _MOST_BYTES // (image_size * image_size * 3)))
    return int(1 << (most.bit_length() - 1))
