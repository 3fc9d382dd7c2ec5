"""Pictures checked by decoding them whole: what each looks like, or why it cannot be used."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import imagehash
import numpy as np
import xxhash
from PIL import Image

from cdiscount_tasks.learning.pictures.images import PictureRefused, decode_rgb
from cdiscount_tasks.machine.cores import map_in_processes
from cdiscount_tasks.vocabulary import ImageSource, Reason

_PICTURES_PER_BATCH = 2048
_PICTURES_WORTH_PROCESSES = 20_000
_REDUCED_SIDE = 64
_PHASH_SIDE = 32


class Refusal(NamedTuple):
    """Why a picture cannot be used; `place` counts the checked pictures."""

    place: int
    reason: Reason
    detail: str


class CheckedPictures(NamedTuple):
    """What decoding found.

    Attributes:
        pixel_hashes: xxh3-128 of size and pixels by picture; None where it was refused.
        perceptual_hashes: uint64, [num_pictures]; 0 where it was refused or not asked for.
        refusals: The pictures that cannot be used, by place.
    """

    pixel_hashes: list[bytes | None]
    perceptual_hashes: np.ndarray
    refusals: list[Refusal]


def hash_pixels(picture: Image.Image) -> bytes:
    """Return the xxh3-128 of a picture's size and pixels: the same bytes in another shape are another picture."""
    digest = xxhash.xxh3_128(f"{picture.width} {picture.height} ".encode())
    digest.update(picture.tobytes())
    return digest.digest()


def _grey_square(picture: Image.Image) -> Image.Image:
    """Average a picture's greys by whole pixels and scale them to phash's square.

    phash itself scales by Lanczos from the full size, which takes longer than all the rest; real pictures saved at
    another quality, size or brightness, or cut, keep their hash as often this way (docs/decisions/0009).
    """
    grey = picture.convert("L")
    factors = (max(grey.width // _REDUCED_SIDE, 1), max(grey.height // _REDUCED_SIDE, 1))
    return grey.reduce(factors).resize((_PHASH_SIDE, _PHASH_SIDE), Image.Resampling.BILINEAR)


def _hash_square(square: Image.Image) -> int:
    """Return ImageHash's 64-bit phash of a square of greys: how the picture looks."""
    return int.from_bytes(np.packbits(imagehash.phash(square).hash).tobytes(), "big")


def _check_batch(open_source: Callable[[], ImageSource], perceptual: bool, rows: np.ndarray) -> CheckedPictures:
    pixel_hashes: list[bytes | None] = []
    looks = np.zeros(len(rows), np.uint64)
    refusals = []
    squares = []
    for place, jpeg in enumerate(open_source().read(rows.tolist())):
        try:
            picture = decode_rgb(jpeg)
        except PictureRefused as error:
            refusals.append(Refusal(place, error.reason, error.detail))
            pixel_hashes.append(None)
            continue
        pixel_hashes.append(hash_pixels(picture))
        if perceptual:
            squares.append((place, _grey_square(picture)))
    # Apart from the decoding, which would drive NumPy and SciPy out of the processor's caches: half the time.
    for place, square in squares:
        looks[place] = _hash_square(square)
    return CheckedPictures(pixel_hashes, looks, refusals)


def check_pictures(open_source: Callable[[], ImageSource], rows: np.ndarray, *, perceptual: bool) -> CheckedPictures:
    """Decode pictures whole, in several processes where there are many.

    Args:
        open_source: Opens the pictures; each process calls it for each of its batches, so it must be picklable.
        rows: int64, [num_pictures]: which of them, ascending for speed. Name a picture that stands many times once.
        perceptual: Whether to hash how each looks.

    Returns:
        What was found, picture by picture in the order of `rows`.
    """
    batches = [rows[first : first + _PICTURES_PER_BATCH] for first in range(0, len(rows), _PICTURES_PER_BATCH)]
    check = partial(_check_batch, open_source, perceptual)
    checked = list(map_in_processes(check, batches, worth_it=len(rows) > _PICTURES_WORTH_PROCESSES))
    return CheckedPictures(
        [pixel_hash for batch in checked for pixel_hash in batch.pixel_hashes],
        np.concatenate([batch.perceptual_hashes for batch in checked] or [np.zeros(0, np.uint64)]),
        [
            refusal._replace(place=refusal.place + number * _PICTURES_PER_BATCH)
            for number, batch in enumerate(checked)
            for refusal in batch.refusals
        ],
    )
