"""What a network is shown, by row: images in memory or on disk, or feature vectors; each as it is or mirrored."""

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil

from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.machine.cores import map_in_processes
from cdiscount_tasks.vocabulary import ImageSource

logger = logging.getLogger(__name__)

MAX_SHIFT_SHARE = 1 / 16
"""Images are moved by up to this share of their side; what moves in is the border's colour."""

_SHARE_OF_MEMORY = 0.5
"""Images may take up to this share of the memory that is free; more of them go to disk."""

_DECODED_AT_ONCE = 512
_IMAGES_WORTH_PROCESSES = 8000
_CGROUP_FILES = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


class Inputs(Protocol):
    """What examples look like to the network: images or feature vectors, each also mirrored."""

    max_shift: int

    def __len__(self) -> int:
        """Return the number of examples."""
        ...

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return some examples as one array.

        Args:
            rows: int64, [num_rows].
            mirrored: bool, [num_rows].
            shift: int64, [num_rows, 2], each in [-max_shift, max_shift]: down and to the right.
        """
        ...

    def unmoved(self) -> np.ndarray | None:
        """Return all of them as one array, not moved; None: they do not lie in memory.

        Images: uint8, [num_images, image_size, image_size, 3], not mirrored. Vectors: float32, [num_images, sides,
        num_features].
        """
        ...


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


def _mirror(image: np.ndarray) -> np.ndarray:
    """Turn an image round, channel by channel: four times as quick as by pixels of three bytes."""
    mirrored = np.empty_like(image)
    for channel in range(3):
        mirrored[:, :, channel] = image[:, ::-1, channel]
    return mirrored


def mirror_images(images: np.ndarray) -> np.ndarray:
    """Turn images round, channel by channel as `_mirror` does: uint8, [num_images, height, width, 3]."""
    mirrored = np.empty_like(images)
    for channel in range(3):
        mirrored[..., channel] = images[:, :, ::-1, channel]
    return mirrored


class _ShiftedImages:
    """Images that can be mirrored and moved; where their pixels lie is the subclass's own."""

    def __init__(self, num_images: int, image_size: int) -> None:
        self._num_images, self._image_size = num_images, image_size
        self.max_shift = int(image_size * MAX_SHIFT_SHARE)

    def __len__(self) -> int:
        """Return the number of images."""
        return self._num_images

    def _views(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[np.ndarray]:
        raise NotImplementedError

    def unmoved(self) -> np.ndarray | None:
        """Return nothing: they do not lie in memory as one array."""
        return None

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return uint8, [num_rows, image_size, image_size, 3]."""
        batch = np.empty((len(rows), self._image_size, self._image_size, 3), np.uint8)
        views = self._views(rows, mirrored)
        for image, (down, right), out in zip(views, shift.tolist(), batch, strict=True):
            if down or right:
                _place_shifted(image, down, right, out)
            else:
                out[...] = image
        return batch


class ImagesInMemory(_ShiftedImages):
    """Images and their mirror images as one array: turning rows of three bytes round costs more than reading them."""

    def __init__(self, batches: Iterator[np.ndarray], num_images: int, image_size: int) -> None:
        """Take batches of uint8, [n, image_size, image_size, 3], until `num_images` are in."""
        super().__init__(num_images, image_size)
        self._pixels = np.empty((2, num_images, image_size, image_size, 3), np.uint8)
        first = 0
        for batch in batches:
            self._pixels[0, first : first + len(batch)] = batch
            self._pixels[1, first : first + len(batch)] = batch[:, :, ::-1]
            first += len(batch)

    def unmoved(self) -> np.ndarray:
        """Return uint8, [num_images, image_size, image_size, 3]."""
        return np.asarray(self._pixels[0])

    def _views(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[np.ndarray]:
        return (self._pixels[side, row] for side, row in zip(mirrored.astype(int).tolist(), rows.tolist(), strict=True))


class ImagesOnDisk(_ShiftedImages):
    """Images in a file, read one by one: no mapping, whose pages would count as this process's memory."""

    def __init__(self, batches: Iterator[np.ndarray], num_images: int, image_size: int, path: Path) -> None:
        """Write batches of uint8, [n, image_size, image_size, 3], to a file.

        It lives as long as this process holds it open, and no longer, however the process ends.
        """
        super().__init__(num_images, image_size)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        path.unlink()
        self._shape = (image_size, image_size, 3)
        self._length_bytes = image_size * image_size * 3
        for batch in batches:
            self._file.write(np.ascontiguousarray(batch).data)
        self._file.flush()

    def _views(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[np.ndarray]:
        for row, is_mirrored in zip(rows.tolist(), mirrored.tolist(), strict=True):
            pixels = os.pread(self._file.fileno(), self._length_bytes, row * self._length_bytes)
            image = np.frombuffer(pixels, np.uint8).reshape(self._shape)
            yield _mirror(image) if is_mirrored else image


class Vectors:
    """Feature vectors of images, and of their mirror images where there are any, from a frozen backbone."""

    max_shift = 0

    def __init__(self, vectors: np.ndarray) -> None:
        """Take float32, [num_images, sides, num_features]: of the image, then of its mirror image if sides is 2."""
        self._vectors, self._last_side = vectors, vectors.shape[1] - 1

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._vectors)

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Return float32, [num_rows, num_features]."""
        return np.asarray(self._vectors[rows, np.minimum(mirrored, self._last_side)])

    def unmoved(self) -> np.ndarray:
        """Return float32, [num_images, sides, num_features]."""
        return self._vectors


def _limit_of_group(cgroup_dir: Path) -> float:
    """Return what is left to the container that this process runs in; infinite where none is set."""
    for limit, used in _CGROUP_FILES:
        try:
            return int((cgroup_dir / limit).read_text()) - int((cgroup_dir / used).read_text())
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return float("inf")


def free_memory_bytes(cgroup_dir: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory that this process may still take: of the machine, its container and its own limit."""
    left = [float(psutil.virtual_memory().available), _limit_of_group(cgroup_dir)]
    if hasattr(psutil, "RLIMIT_DATA"):
        process = psutil.Process()
        soft, _ = process.rlimit(psutil.RLIMIT_DATA)
        if soft != psutil.RLIM_INFINITY:
            left.append(soft - process.memory_info().data)
    return max(int(min(left)), 0)


def _load_batch(open_source: Callable[[], ImageSource], image_size: int, rows: np.ndarray) -> np.ndarray:
    return load_images(open_source(), rows, image_size)


def hold_images(open_source: Callable[[], ImageSource], rows: np.ndarray, image_size: int, spill_dir: Path) -> Inputs:
    """Decode and scale images once, in several processes where there are many, and hold them for every epoch.

    Args:
        open_source: Opens the encoded images; each process calls it, so it must be picklable.
        rows: int64, [num_images]: which of them, ascending for speed.
        image_size: Side in pixels that they are scaled to.
        spill_dir: Where the pixels go that take more than half of the free memory; nothing stays there.

    Raises:
        DataError: If an image no longer decodes.
    """
    batches = [rows[first : first + _DECODED_AT_ONCE] for first in range(0, len(rows), _DECODED_AT_ONCE)]
    load = partial(_load_batch, open_source, image_size)
    decoded = map_in_processes(load, batches, worth_it=len(rows) > _IMAGES_WORTH_PROCESSES)
    # In memory the mirror images are held as well.
    needed_bytes, free_bytes = 2 * len(rows) * image_size * image_size * 3, free_memory_bytes()
    if needed_bytes <= _SHARE_OF_MEMORY * free_bytes:
        return ImagesInMemory(decoded, len(rows), image_size)
    logger.info(
        "%s images with their mirror images take %.1f GiB and %.1f GiB are free: their pixels go to a file in %s",
        f"{len(rows):,}", needed_bytes / 2**30, free_bytes / 2**30, spill_dir,
    )  # fmt: skip
    return ImagesOnDisk(decoded, len(rows), image_size, spill_dir / "pixels")
