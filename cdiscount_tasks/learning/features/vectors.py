"""Feature vectors of images as a training sees them: in memory where they fit, else in a file that is read by row.

They are held in half precision, as the artifact has them, and become float32 when a batch is taken.
"""

import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.learning.pictures.inputs import free_memory_bytes

logger = logging.getLogger(__name__)

_SHARE_OF_MEMORY = 0.5
"""Vectors may take up to this share of the memory that is free; more of them go to disk."""

_ROWS_AHEAD = 1024
"""Of so many vectors the system is told that they will be read soon."""

Shape = tuple[int, int, int]
"""Of vectors: number of images, sides (2: of the image and of its mirror image), number of features."""


class Vectors:
    """Feature vectors of images, and of their mirror images where there are any, in memory.

    Attributes:
        num_features: The length of a vector.
    """

    max_shift = 0

    def __init__(self, vectors: np.ndarray) -> None:
        """Take float16 or float32, [num_images, sides, num_features]: of the image, then of its mirror image."""
        self._vectors, self._last_side, self.num_features = vectors, vectors.shape[1] - 1, vectors.shape[2]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._vectors)

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Take the plan of the coming batches, and do without it."""

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Return float32, [num_rows, num_features]."""
        return np.asarray(self._vectors[rows, np.minimum(mirrored, self._last_side)], np.float32)

    def unmoved(self) -> np.ndarray:
        """Return them as they are held, [num_images, sides, num_features]."""
        return self._vectors


class VectorsOnDisk:
    """Feature vectors in a file, read one by one: no mapping, whose pages would count as this process's memory.

    Attributes:
        num_features: The length of a vector.
    """

    max_shift = 0

    def __init__(self, num_sides: int, num_features: int, path: Path) -> None:
        """Make an empty file.

        It lives as long as this process holds it open, and no longer, however the process ends.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        path.unlink()
        self._num_images, self._num_sides, self.num_features = 0, num_sides, num_features
        self._vector_bytes = num_features * np.dtype(np.float16).itemsize
        self._coming: Iterator[np.ndarray] = iter(())
        self._num_announced = 0

    def append(self, vectors: np.ndarray) -> None:
        """Add float16, [n, sides, num_features]."""
        self._file.write(np.ascontiguousarray(vectors).data)
        self._file.flush()
        self._num_images += len(vectors)

    def __len__(self) -> int:
        """Return the number of images."""
        return self._num_images

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Let the system read the coming batches ahead: from a cold disk eight times as fast as when each is needed."""
        self._coming, self._num_announced = iter(batches), 0
        self._announce()

    def _announce(self) -> None:
        if not hasattr(os, "posix_fadvise"):
            return
        while self._num_announced < _ROWS_AHEAD and (batch := next(self._coming, None)) is not None:
            self._num_announced += len(batch)
            length = self._num_sides * self._vector_bytes
            for row in batch.tolist():
                os.posix_fadvise(self._file.fileno(), row * length, length, os.POSIX_FADV_WILLNEED)

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Return float32, [num_rows, num_features]."""
        found = np.empty((len(rows), self.num_features), np.float16)
        rows = rows.astype(np.int64)  # the JAX learner's are int32: bytes would overflow
        places = (rows * self._num_sides + np.minimum(mirrored, self._num_sides - 1)) * self._vector_bytes
        for vector, place in zip(found, places.tolist(), strict=True):
            os.preadv(self._file.fileno(), [vector.data], place)
        self._num_announced = max(self._num_announced - len(rows), 0)
        self._announce()
        return found.astype(np.float32)

    def unmoved(self) -> None:
        """Return nothing: they do not lie in memory."""


HeldVectors = Vectors | VectorsOnDisk


class _InMemory:
    """An array that is filled piece by piece."""

    def __init__(self, shape: Shape) -> None:
        self.vectors, self._num_images = np.empty(shape, np.float16), 0

    def append(self, vectors: np.ndarray) -> None:
        self.vectors[self._num_images : self._num_images + len(vectors)] = vectors
        self._num_images += len(vectors)


def _check_disk(num_bytes: int, spill_dir: Path) -> None:
    spill_dir.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(spill_dir).free
    if num_bytes > free_bytes:
        raise ConfigError(
            f"{spill_dir}: the features that are learnt from take {num_bytes / 2**30:.1f} GiB, which is more than half "
            f"of the free memory and than the {free_bytes / 2**30:.1f} GiB that are free here; free space or memory, "
            "or point CDISCOUNT_DATA at another disk"
        )


def _open(of_splits: Sequence[np.ndarray], shape: Shape, spill_dir: Path) -> list[_InMemory | VectorsOnDisk]:
    _, num_sides, num_features = shape
    num_images = sum(map(len, of_splits))
    num_bytes = num_images * num_sides * num_features * np.dtype(np.float16).itemsize
    free_bytes = free_memory_bytes()
    if num_bytes <= _SHARE_OF_MEMORY * free_bytes:
        return [_InMemory((len(places), num_sides, num_features)) for places in of_splits]
    _check_disk(num_bytes, spill_dir)
    logger.info(
        "the features of %s images take %.1f GiB and %.1f GiB of memory are free: they go to a file in %s",
        f"{num_images:,}", num_bytes / 2**30, free_bytes / 2**30, spill_dir,
    )  # fmt: skip
    return [VectorsOnDisk(num_sides, num_features, spill_dir / f"vectors-{number}") for number in range(len(of_splits))]


def hold_vectors(
    pieces: Iterable[np.ndarray], shape: Shape, of_splits: Sequence[np.ndarray], spill_dir: Path
) -> list[HeldVectors]:
    """Hold the vectors of the images of some splits, and of no others; all vectors are read once, piece by piece.

    Args:
        pieces: All vectors, one piece after another: float16, [n, sides, num_features].
        shape: Of all of them.
        of_splits: By split, int64, ascending: places among all images.
        spill_dir: Where vectors go that are too many for half of the free memory; nothing stays there.

    Returns:
        By split, row for row.

    Raises:
        ConfigError: If they fit neither into half of the free memory nor on the disk.
        DataError: If there are fewer vectors than images.
    """
    last = max((int(places[-1]) for places in of_splits if len(places)), default=-1)
    if last >= shape[0]:
        raise DataError(
            f"there are features of {shape[0]} pictures, and the labels have {last + 1} at least; run again from "
            "extract_features"
        )
    held, first = _open(of_splits, shape, spill_dir), 0
    for piece in pieces:
        for places, split in zip(of_splits, held, strict=True):
            begin, end = np.searchsorted(places, [first, first + len(piece)])
            split.append(piece[places[begin:end] - first])
        first += len(piece)
    return [Vectors(split.vectors) if isinstance(split, _InMemory) else split for split in held]
