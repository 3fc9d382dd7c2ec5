"""What a network is shown, by row: images in memory, on disk or decoded ahead, each as it is or mirrored and moved.

Feature vectors are shown in the same way: `learning/features/vectors.py`.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil

from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.learning.pictures.read_ahead import ImagesReadAhead
from cdiscount_tasks.learning.pictures.shifted import ShiftedImages, mirror_image
from cdiscount_tasks.machine.cores import map_ahead
from cdiscount_tasks.machine.device import backend_name
from cdiscount_tasks.vocabulary import ImageSource, ShufflableSource

logger = logging.getLogger(__name__)

_SHARE_OF_MEMORY = 0.5
"""Images may take up to this share of the memory that is free; more of them go to disk."""

_SHARE_OF_DISK = 0.5
"""Their pixels may take up to this share of the disk that is free; more of them are decoded while the network runs."""

_SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps what processes share."""

_MOST_RING_BYTES = 256 << 20
_DECODED_AT_ONCE = 512
IMAGES_WORTH_PROCESSES = 8000
"""Fewer are decoded by the time that processes have started."""

_CGROUP_FILES = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


class Inputs(Protocol):
    """What examples look like to the network: images or feature vectors, each also mirrored."""

    max_shift: int

    def __len__(self) -> int:
        """Return the number of examples."""
        ...

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Take the plan of the coming batches, which replaces an earlier one; what is asked for need not keep to it.

        Args:
            batches: Each int64, [num_rows]: the rows of a batch, in the order in which the batches will be taken.
        """
        ...

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return some examples as one array.

        Args:
            rows: int64, [num_rows].
            mirrored: bool, [num_rows].
            shift: int64, [num_rows, 2], each in [-max_shift, max_shift]: down and to the right; or [num_rows, 4]: top,
                height, left and width of a part that is scaled to the whole (pictures/shifted.py).
        """
        ...

    def unmoved(self) -> np.ndarray | None:
        """Return all of them as one array, not moved; None: they do not lie in memory.

        Images: uint8, [num_images, image_size, image_size, 3], not mirrored. Vectors: float16, [num_images, sides,
        num_features].
        """
        ...


def mirror_images(images: np.ndarray) -> np.ndarray:
    """Turn images round, channel by channel as `mirror_image` does: uint8, [num_images, height, width, 3]."""
    mirrored = np.empty_like(images)
    for channel in range(3):
        mirrored[..., channel] = images[:, :, ::-1, channel]
    return mirrored


class ImagesInMemory(ShiftedImages):
    """Images as one array, with their mirror images: turning rows of three bytes round costs more than reading them."""

    def __init__(
        self, batches: Iterator[np.ndarray], num_images: int, image_size: int, *, mirrored: bool = True
    ) -> None:
        """Take batches of uint8, [n, image_size, image_size, 3], until `num_images` are in.

        Args:
            batches: As above.
            num_images: How many are in them.
            image_size: Side in pixels.
            mirrored: Whether mirror images are held too; else each is turned round when it is taken.
        """
        super().__init__(num_images, image_size)
        self._pixels = np.empty((1 + mirrored, num_images, image_size, image_size, 3), np.uint8)
        first = 0
        for batch in batches:
            self._pixels[0, first : first + len(batch)] = batch
            if mirrored:
                self._pixels[1, first : first + len(batch)] = batch[:, :, ::-1]
            first += len(batch)

    def unmoved(self) -> np.ndarray:
        """Return uint8, [num_images, image_size, image_size, 3]."""
        return np.asarray(self._pixels[0])

    def _views(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[np.ndarray]:
        for side, row in zip(mirrored.astype(int).tolist(), rows.tolist(), strict=True):
            if side < len(self._pixels):
                yield self._pixels[side, row]
            else:
                yield mirror_image(self._pixels[0, row])


class ImagesOnDisk(ShiftedImages):
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
            yield mirror_image(image) if is_mirrored else image


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


def _decode_once(open_source: Callable[[], ImageSource], rows: np.ndarray, image_size: int) -> Iterator[np.ndarray]:
    batches = [rows[first : first + _DECODED_AT_ONCE] for first in range(0, len(rows), _DECODED_AT_ONCE)]
    load = partial(_load_batch, open_source, image_size)
    return map_ahead(load, batches, worth_it=len(rows) > IMAGES_WORTH_PROCESSES)


def _free_disk_bytes(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free


def _ring_bytes() -> int:
    """Return how much shared memory images that are decoded ahead may take; Docker gives a container 64 MB of it."""
    most = min(_MOST_RING_BYTES, free_memory_bytes() // 8)
    return min(most, shutil.disk_usage(_SHARED_MEMORY).free // 2) if _SHARED_MEMORY.exists() else most


def read_images_ahead(
    open_source: Callable[[], ShufflableSource], rows: np.ndarray, image_size: int
) -> ImagesReadAhead:
    """Decode images whenever they are needed, ahead of who takes them where there is a plan.

    Args:
        open_source: Opens the encoded images; each process calls it, so it must be picklable.
        rows: int64, [num_images]: which of them, ascending for speed.
        image_size: Side in pixels that they are scaled to.
    """
    return ImagesReadAhead(open_source().in_any_order(), rows, image_size, _ring_bytes())


def hold_images(
    open_source: Callable[[], ShufflableSource], rows: np.ndarray, image_size: int, spill_dir: Path
) -> Inputs:
    """Decode and scale images once, in several processes where there are many, and hold them for every epoch.

    Too many for half of the free memory and of the free disk are decoded whenever they are needed, ahead of who takes
    them.

    Args:
        open_source: Opens the encoded images; each process calls it, so it must be picklable.
        rows: int64, [num_images]: which of them, ascending for speed.
        image_size: Side in pixels that they are scaled to.
        spill_dir: Where pixels go that are too many for the memory; nothing stays there.

    Raises:
        DataError: If an image no longer decodes.
    """
    pixel_bytes = len(rows) * image_size * image_size * 3
    # On JAX the device turns images round.
    mirrored = backend_name() == "tensorflow"
    free_bytes, free_disk_bytes = free_memory_bytes(), _free_disk_bytes(spill_dir)
    if (1 + mirrored) * pixel_bytes <= _SHARE_OF_MEMORY * free_bytes:
        decoded = _decode_once(open_source, rows, image_size)
        return ImagesInMemory(decoded, len(rows), image_size, mirrored=mirrored)
    fits_on_disk = pixel_bytes <= _SHARE_OF_DISK * free_disk_bytes
    logger.info(
        "%s images%s take %.1f GiB and %.1f GiB are free: %s",
        f"{len(rows):,}", " with their mirror images" if mirrored else "", (1 + mirrored) * pixel_bytes / 2**30,
        free_bytes / 2**30,
        f"their pixels go to a file in {spill_dir}" if fits_on_disk else
        f"a file of {pixel_bytes / 2**30:.1f} GiB would leave too little of the {free_disk_bytes / 2**30:.1f} GiB that "
        f"are free in {spill_dir}, and so they are decoded anew in every epoch, while the network learns",
    )  # fmt: skip
    if fits_on_disk:
        return ImagesOnDisk(_decode_once(open_source, rows, image_size), len(rows), image_size, spill_dir / "pixels")
    return read_images_ahead(open_source, rows, image_size)
