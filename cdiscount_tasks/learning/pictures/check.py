"""Images checked by decoding them whole: what each looks like, or why it cannot be used."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import imagehash
import numpy as np
import xxhash
from PIL import Image

from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.machine.cores import map_in_processes
from cdiscount_tasks.vocabulary import ImageSource, Reason

_IMAGES_PER_BATCH = 2048
_IMAGES_WORTH_PROCESSES = 20_000
_REDUCED_SIDE = 64
_PHASH_SIDE = 32


class Refusal(NamedTuple):
    """Why an image cannot be used; `place` counts the checked images."""

    place: int
    reason: Reason
    detail: str


class CheckedImages(NamedTuple):
    """What decoding found.

    Attributes:
        pixel_hashes: xxh3-128 of size and pixels by image; None where it was refused.
        perceptual_hashes: uint64, [num_images]; 0 where it was refused or not asked for.
        refusals: The images that cannot be used, by place.
    """

    pixel_hashes: list[bytes | None]
    perceptual_hashes: np.ndarray
    refusals: list[Refusal]


def hash_pixels(image: Image.Image) -> bytes:
    """Return the xxh3-128 of an image's size and pixels: the same bytes in another shape are another image."""
    digest = xxhash.xxh3_128(f"{image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.digest()


def _grey_square(image: Image.Image) -> Image.Image:
    """Average an image's greys by whole pixels and scale them to phash's square.

    phash itself scales by Lanczos from the full size, which takes longer than all the rest; real images saved at
    another quality, size or brightness, or cut, keep their hash as often this way (docs/decisions/0009).
    """
    grey = image.convert("L")
    factors = (max(grey.width // _REDUCED_SIDE, 1), max(grey.height // _REDUCED_SIDE, 1))
    return grey.reduce(factors).resize((_PHASH_SIDE, _PHASH_SIDE), Image.Resampling.BILINEAR)


def _hash_square(square: Image.Image) -> int:
    """Return ImageHash's 64-bit phash of a square of greys: how the image looks."""
    return int.from_bytes(np.packbits(imagehash.phash(square).hash).tobytes(), "big")


def _check_batch(open_source: Callable[[], ImageSource], perceptual: bool, rows: np.ndarray) -> CheckedImages:
    pixel_hashes: list[bytes | None] = []
    looks = np.zeros(len(rows), np.uint64)
    refusals = []
    squares = []
    for place, jpeg in enumerate(open_source().read(rows.tolist())):
        try:
            image = decode_rgb(jpeg)
        except ImageRefused as error:
            refusals.append(Refusal(place, error.reason, error.detail))
            pixel_hashes.append(None)
            continue
        pixel_hashes.append(hash_pixels(image))
        if perceptual:
            squares.append((place, _grey_square(image)))
    # Apart from the decoding, which would drive NumPy and SciPy out of the processor's caches: half the time.
    for place, square in squares:
        looks[place] = _hash_square(square)
    return CheckedImages(pixel_hashes, looks, refusals)


def check_images(open_source: Callable[[], ImageSource], rows: np.ndarray, *, perceptual: bool) -> CheckedImages:
    """Decode images whole, in several processes where there are many.

    Args:
        open_source: Opens the images; each process calls it for each of its batches, so it must be picklable.
        rows: int64, [num_images]: which of them, ascending for speed. Name an image that stands many times once.
        perceptual: Whether to hash how each looks.

    Returns:
        What was found, image by image in the order of `rows`.
    """
    batches = [rows[first : first + _IMAGES_PER_BATCH] for first in range(0, len(rows), _IMAGES_PER_BATCH)]
    check = partial(_check_batch, open_source, perceptual)
    checked = list(map_in_processes(check, batches, worth_it=len(rows) > _IMAGES_WORTH_PROCESSES))
    return CheckedImages(
        [pixel_hash for batch in checked for pixel_hash in batch.pixel_hashes],
        np.concatenate([batch.perceptual_hashes for batch in checked] or [np.zeros(0, np.uint64)]),
        [
            refusal._replace(place=refusal.place + number * _IMAGES_PER_BATCH)
            for number, batch in enumerate(checked)
            for refusal in batch.refusals
        ],
    )
