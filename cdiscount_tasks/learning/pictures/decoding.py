"""Encoded images into pixels some hundred at a time, as a catalogue is predicted: what does not decode is set aside."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb, to_square

_MOST_IMAGES = 512
_MOST_BYTES = 32 << 20
_FEWEST_IMAGES = 64


Encoded = tuple[list[int], list[bytes]]
"""Some images: their rows, whatever these count, and their JPEG bytes."""


class RefusedImage(NamedTuple):
    """An image that cannot be used: its row, and why."""

    row: int
    reason: str
    detail: str


class DecodedImages(NamedTuple):
    """What became of some images.

    Attributes:
        rows: int64, [num_decoded].
        pixels: uint8, [num_decoded, image_size, image_size, 3].
        refused: The others.
    """

    rows: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]
    refused: list[RefusedImage]


def images_at_once(image_size: int) -> int:
    """Return how many images of a size are decoded and predicted together: at most 512, or 32 MB of pixels."""
    return max(_FEWEST_IMAGES, min(_MOST_IMAGES, _MOST_BYTES // (image_size * image_size * 3)))


def decode_images(image_size: int, encoded: Encoded) -> DecodedImages:
    """Decode and scale images by the rule of `images.py`; those that it refuses are named.

    Args:
        image_size: Side of the result in pixels.
        encoded: The images.
    """
    asked, jpegs = encoded
    pixels = np.empty((len(jpegs), image_size, image_size, 3), np.uint8)
    rows: list[int] = []
    refused: list[RefusedImage] = []
    for row, jpeg in zip(asked, jpegs, strict=True):
        try:
            pixels[len(rows)] = to_square(decode_rgb(jpeg), image_size)
        except ImageRefused as error:
            refused.append(RefusedImage(row, str(error.reason), error.detail))
        else:
            rows.append(row)
    return DecodedImages(np.array(rows, np.int64), pixels[: len(rows)], refused)
