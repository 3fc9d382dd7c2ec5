"""What can be measured of a picture without knowing what it shows: light, sharpness, size and margin."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.vocabulary import ImageSource

VERSION = 1
"""Raise it whenever the same picture gives other numbers: artifacts made before are then made anew."""

PROPERTIES = ("brightness", "contrast", "saturation", "sharpness", "file_bytes", "white_border", "aspect")
"""Of one picture, in the order of the columns. Their units are in docs/data.md."""

_LARGEST_SIDE = 512  # pixels; the catalogue's pictures have 180, and a large one would take as long as hundreds of them
_WHITE = 240  # of 255: JPEG spoils a white border by a few steps
_WHITE_SHARE = 0.99  # of a line's pixels: a speck of dust does not end a border
_READ_ROWS = 512
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _white_border(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the share of the area that white lines at the four edges take; 1 of a white picture."""
    is_white = (pixels >= _WHITE).all(axis=2)
    rows = np.flatnonzero(is_white.mean(axis=1) < _WHITE_SHARE)
    columns = np.flatnonzero(is_white.mean(axis=0) < _WHITE_SHARE)
    if not len(rows) or not len(columns):
        return 1.0
    inside = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return 1.0 - float(inside) / is_white.size


def _sharpness(grey: npt.NDArray[np.float32]) -> float:
    """Return the mean size of the Laplacian: how fast greys change from pixel to pixel; 0 of a tiny picture."""
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.abs(around - 4 * middle).mean())


def measure_picture(image: Image.Image, num_bytes: int) -> npt.NDArray[np.float64]:
    """Measure one picture.

    Args:
        image: RGB, of any size from one pixel on.
        num_bytes: Length of its JPEG file.

    Returns:
        float64, [number of PROPERTIES].
    """
    aspect = image.width / image.height
    factor = -(-max(image.size) // _LARGEST_SIDE)
    pixels = np.asarray(image.reduce(factor) if factor > 1 else image)
    grey = pixels.astype(np.float32) @ _LUMA
    largest, smallest = pixels.max(axis=2).astype(np.float32), pixels.min(axis=2)
    saturation = (largest - smallest) / np.maximum(largest, 1)
    means = float(grey.mean()), float(grey.std()), float(saturation.mean())
    return np.array([*means, _sharpness(grey), num_bytes, _white_border(pixels), aspect])


def measure_pictures(source: ImageSource, rows: Sequence[int] | np.ndarray) -> npt.NDArray[np.float64]:
    """Measure pictures by row.

    Args:
        source: Where the pictures come from; all of them have passed `decode_rgb` before.
        rows: Which ones, ascending for speed.

    Returns:
        float64, [num_rows, number of PROPERTIES].

    Raises:
        DataError: If a picture no longer decodes.
    """
    measured = np.empty((len(rows), len(PROPERTIES)))
    for first in range(0, len(rows), _READ_ROWS):
        batch = [int(row) for row in rows[first : first + _READ_ROWS]]
        for place, (row, jpeg) in enumerate(zip(batch, source.read(batch), strict=True), first):
            try:
                measured[place] = measure_picture(decode_rgb(jpeg), len(jpeg))
            except ImageRefused as error:
                raise DataError(
                    f"image {row} of the sample no longer decodes ({error.detail}); draw it again"
                ) from error
    return measured
