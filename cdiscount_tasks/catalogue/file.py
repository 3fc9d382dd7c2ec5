"""The catalogue as a file or an object: its state, its fingerprint, and what is said when it cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import xxhash

from cdiscount_tasks.artifacts.byte_ranges import Place, open_ranges, state_of
from cdiscount_tasks.errors import DataError

_NUM_SAMPLED_BLOCKS = 64


_SAMPLED_BLOCK_BYTES = 64 << 10

CONTENT_NOTE = ".catalogue-content"
"""In the folder of an index: the sampled content of its catalogue. The note's time is when the index was planned."""


@contextmanager
def catalogue_faults_told(path: Place) -> Iterator[None]:
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


def catalogue_changed(path: Place) -> DataError:
    """Return the error of a catalogue that grew, shrank or changed while it was scanned."""
    return DataError(f"{path}: the catalogue changed while it was scanned; trigger a new run when nothing writes to it")


def file_state(path: Place) -> dict[str, int | str]:
    """Return a catalogue's size in bytes and its time of modification in ns, or its ETag: whether it changed meanwhile.

    Raises:
        DataError: If it cannot be read.
    """
    with catalogue_faults_told(path):
        return state_of(path)


def file_size(path: Place) -> int:
    """Return a catalogue's size in bytes.

    Raises:
        DataError: If it cannot be read.
    """
    return int(file_state(path)["size"])


def fingerprint(path: Place) -> str:
    """Return 16 hex digits that change when a large file was probably changed: of size, mtime and 64 sampled blocks.

    Of an object: of its size and ETag, which no write leaves as it was. Its blocks would be 64 requests, each time
    that a task looks whether the catalogue is still the same.

    It only decides whether a scan is needed; the scan itself computes the `catalogue_id` from every byte.

    Raises:
        DataError: If it cannot be read.
    """
    state = file_state(path)
    if "e_tag" in state:
        return xxhash.xxh3_128_hexdigest(f"{state['size']} {state['e_tag']}".encode())[:16]
    return _sampled(path, int(state["size"]), f"{state['size']} {state['mtime_ns']}")[:16]


def content_sample(path: Place) -> str:
    """Return 32 hex digits of a file's size and 64 sampled blocks, which copies on other machines have in common.

    Raises:
        DataError: If it cannot be read.
    """
    size = file_size(path)
    return _sampled(path, size, str(size))


def _sampled(path: Place, size: int, first: str) -> str:
    digest = xxhash.xxh3_128(first.encode())
    last_start = max(size - _SAMPLED_BLOCK_BYTES, 0)
    starts = [last_start * block // (_NUM_SAMPLED_BLOCKS - 1) for block in range(_NUM_SAMPLED_BLOCKS)]
    with catalogue_faults_told(path), open_ranges(path) as file:
        if file.is_remote:
            for start in starts:
                file.advise(start, start + _SAMPLED_BLOCK_BYTES)
        for start in starts:
            digest.update(file.read(start, start + _SAMPLED_BLOCK_BYTES))
    return digest.hexdigest()
