"""The byte ranges in which a catalogue is scanned: whole blocks, neither too few for a task nor too many ranges."""

import math
from typing import TypedDict

from cdiscount_tasks.catalogue.window import BLOCK_BYTES

MIN_RANGE_BLOCKS = 4
"""A range has at least four blocks of 64 MiB: below, starting a task costs more than reading."""

MAX_RANGES = 512
"""Airflow maps at most 1,024 tasks by default; ranges grow beyond 128 GB."""


class ByteRange(TypedDict):
    """Where a range of the catalogue begins and where it stops."""

    start: int
    stop: int


def range_blocks(size_bytes: int) -> int:
    """Return how many blocks of 64 MiB each range of a catalogue of this size has."""
    num_blocks = math.ceil(size_bytes / BLOCK_BYTES)
    return max(MIN_RANGE_BLOCKS, math.ceil(num_blocks / MAX_RANGES))


def all_ranges(size_bytes: int) -> list[ByteRange]:
    """Return the ranges of a catalogue of this size, in the order of the file."""
    step = range_blocks(size_bytes) * BLOCK_BYTES
    return [ByteRange(start=start, stop=min(start + step, size_bytes)) for start in range(0, size_bytes, step)]


def num_blocks_of(byte_range: ByteRange) -> int:
    """Return how many blocks a range has; the file's last one may be shorter."""
    return math.ceil((byte_range["stop"] - byte_range["start"]) / BLOCK_BYTES)
