"""The catalogue as a file: its size and time, its fingerprint, and what is said when it cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash

from cdiscount_tasks.errors import DataError

_NUM_SAMPLED_BLOCKS = 64


_SAMPLED_BLOCK_BYTES = 64 << 10

CONTENT_NOTE = ".catalogue-content"
"""In the folder of an index: the sampled content of its catalogue. The note's time is when the index was planned."""


@contextmanager
def catalogue_faults_told(path: Path) -> Iterator[None]:
    """Turn what a catalogue that is missing, no file or not readable raises into a sentence.

    Raises:
        DataError: If so; any other OSError passes.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise DataError(
            f"{path}: the catalogue cannot be read ({error.strerror}); put the file back, or set CDISCOUNT_CATALOGUE "
            "to a BSON file that this user may read"
        ) from error


def catalogue_changed(path: Path) -> DataError:
    """Return the error of a catalogue that grew, shrank or changed while it was scanned."""
    return DataError(f"{path}: the catalogue changed while it was scanned; trigger a new run when nothing writes to it")


def file_state(path: Path) -> dict[str, int]:
    """Return a catalogue's size in bytes and its time of modification in ns, which show whether it changed meanwhile.

    Raises:
        DataError: If it cannot be read.
    """
    with catalogue_faults_told(path):
        status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def fingerprint(path: Path) -> str:
    """Return 16 hex digits that change when a large file was probably changed: of size, mtime and 64 sampled blocks.

    It only decides whether a scan is needed; the scan itself computes the `catalogue_id` from every byte.

    Raises:
        DataError: If it cannot be read.
    """
    state = file_state(path)
    return _sampled(path, state["size"], f"{state['size']} {state['mtime_ns']}")[:16]


def content_sample(path: Path) -> str:
    """Return 32 hex digits of a file's size and 64 sampled blocks, which copies on other machines have in common.

    Raises:
        DataError: If it cannot be read.
    """
    size = file_state(path)["size"]
    return _sampled(path, size, str(size))


def _sampled(path: Path, size: int, first: str) -> str:
    digest = xxhash.xxh3_128(first.encode())
    last_start = max(size - _SAMPLED_BLOCK_BYTES, 0)
    with catalogue_faults_told(path), path.open("rb") as file:
        for block in range(_NUM_SAMPLED_BLOCKS):
            file.seek(last_start * block // (_NUM_SAMPLED_BLOCKS - 1))
            digest.update(file.read(_SAMPLED_BLOCK_BYTES))
    return digest.hexdigest()
