"""Images that are mirrored, and moved or cropped on their way to the network, wherever their pixels lie."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MAX_SHIFT_SHARE = 1 / 16
"""Images are moved by up to this share of their side; what moves in is the border's colour."""


def _place_shifted(image: np.ndarray, down: int, right: int, out: np.ndarray) -> None:
    """Copy an image moved by some pixels; its edge fills what is left free.

    Slices copy some 20 times as fast as one gather for the whole batch.
    """
    size = len(image)
    top, bottom = max(down, 0), size + min(down, 0)
    left, end = max(right, 0), size + min(right, 0)
    out[top:bottom, left:end] = image[top - down : bottom - down, left - right : end - right]
    if right > 0:
        out[top:bottom, :left] = out[top:bottom, left : left + 1]
    elif right < 0:
        out[top:bottom, end:] = out[top:bottom, end - 1 : end]
    if down > 0:
        out[:top] = out[top]
    elif down < 0:
        out[bottom:] = out[bottom - 1]


WHOLE = 1 << 16
"""Crops are told in shares of a side, counted in whole numbers: every backend finds the same pixels."""


def places_of_crop(size: int, place: Any, length: Any, steps: Any) -> tuple[Any, Any]:
    """Return between which pixels of a side those of a crop lie that is scaled to the whole side.

    Args:
        size: Of the side, in pixels.
        place: Where the crop begins, and
        length: how long it is, in shares of 1 / WHOLE of the side.
        steps: Which pixels of the scaled crop are wanted: 0 to size - 1.

    Returns:
        The pixel before, and how far the wanted one lies towards the next, in 1 / 256 of their distance; whole numbers.
    """
    wanted = (place * size + steps * length + ((length - WHOLE) >> 1)).clip(0, (size - 1) * WHOLE)
    return wanted >> 16, (wanted >> 8) & 255


def _place_crop(image: np.ndarray, crop: Sequence[int], out: np.ndarray) -> None:
    """Scale a part of an image to the whole, by linear interpolation; `take_crops` finds the same on the device."""
    size = len(image)
    steps = np.arange(size)
    row, below = places_of_crop(size, crop[0], crop[1], steps)
    column, beyond = places_of_crop(size, crop[2], crop[3], steps)
    # 255 * 256 + 128 is the most that 16 bits must hold.
    weight = below.astype(np.uint16)[:, None, None]
    half = np.uint16(128)
    lines = image[row] * (256 - weight) + image[np.minimum(row + 1, size - 1)] * weight
    lines = (lines + half) >> 8
    weight = beyond.astype(np.uint16)[None, :, None]
    found = lines[:, column] * (256 - weight) + lines[:, np.minimum(column + 1, size - 1)] * weight
    out[...] = (found + half) >> 8


VIEWS: dict[str, tuple[tuple[int, int, int, int] | None, ...]] = {
    "flip": (None,),
    "crops": (None, (WHOLE // 16, WHOLE * 7 // 8, WHOLE // 16, WHOLE * 7 // 8)),
}
"""By the knob `views`: which parts of a picture a network answers to, each mirrored as well; None: the whole."""


def crop_images(images: np.ndarray, crop: Sequence[int]) -> np.ndarray:
    """Scale the same part of some images to the whole: uint8, [num_images, size, size, 3]."""
    cropped = np.empty_like(images)
    for image, out in zip(images, cropped, strict=True):
        _place_crop(image, crop, out)
    return cropped


def mirror_image(image: np.ndarray) -> np.ndarray:
    """Turn an image round, channel by channel: four times as quick as by pixels of three bytes."""
    mirrored = np.empty_like(image)
    for channel in range(3):
        mirrored[:, :, channel] = image[:, ::-1, channel]
    return mirrored


class ShiftedImages:
    """Images that can be mirrored and moved; where their pixels lie is the subclass's own."""

    def __init__(self, num_images: int, image_size: int) -> None:
        self._num_images, self._image_size = num_images, image_size
        self.max_shift = int(image_size * MAX_SHIFT_SHARE)

    def __len__(self) -> int:
        """Return the number of images."""
        return self._num_images

    def _views(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[np.ndarray]:
        raise NotImplementedError

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Take the plan of the coming batches; whose pixels are held already does without."""

    def unmoved(self) -> np.ndarray | None:
        """Return nothing: they do not lie in memory as one array."""
        return None

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return uint8, [num_rows, image_size, image_size, 3].

        Args:
            rows: int64, [num_rows].
            mirrored: bool, [num_rows].
            shift: int64, [num_rows, 2]: down and to the right; or [num_rows, 4]: top, height, left and width of a crop.
        """
        batch = np.empty((len(rows), self._image_size, self._image_size, 3), np.uint8)
        views = self._views(rows, mirrored)
        if shift.shape[1] == 4:
            for image, crop, out in zip(views, shift.tolist(), batch, strict=True):
                _place_crop(image, crop, out)
            return batch
        for image, (down, right), out in zip(views, shift.tolist(), batch, strict=True):
            if down or right:
                _place_shifted(image, down, right, out)
            else:
                out[...] = image
        return batch
