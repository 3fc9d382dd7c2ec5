"""All pairs of 64-bit hashes within a Hamming distance, exactly, in memory that does not grow with their number."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

_BITS = 64
_PAIRS_PER_CHUNK = 1 << 20


class NearPairs(NamedTuple):
    """Some of the pairs: places of two hashes, the lower one first, and how many bits differ.

    Attributes:
        first: int64, [num_pairs].
        second: int64, [num_pairs].
        distance: int64, [num_pairs].
    """

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def _bands(num_bands: int) -> list[np.uint64]:
    """Cut 64 bits into bands of about the same width, as masks."""
    edges = [band * _BITS // num_bands for band in range(num_bands + 1)]
    return [np.uint64((1 << stop) - (1 << start)) for start, stop in pairwise(edges)]


def _iter_equal(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the places of all pairs of equal keys, which ascend: about _PAIRS_PER_CHUNK at a time.

    A chunk is at most that many and the pairs of one key more, so that a huge bucket comes in pieces.
    """
    num_after = np.searchsorted(keys, keys, side="right") - np.arange(len(keys)) - 1
    ends = np.cumsum(num_after)
    start = 0
    while start < len(keys):
        done = ends[start] - num_after[start]
        stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS_PER_CHUNK, side="right")))
        counts = num_after[start:stop]
        left = np.repeat(np.arange(start, stop), counts)
        within = np.arange(len(left)) - np.repeat(ends[start:stop] - counts - done, counts)
        yield left, left + 1 + within
        start = stop


def iter_near_pairs(hashes: np.ndarray, max_distance: int) -> Iterator[NearPairs]:
    """Find every pair of hashes that differ in at most so many bits, each pair once.

    Multi-index hashing (Norouzi, Punjani, Fleet 2012) with two bands at a time: of `max_distance + 2` bands so many
    differing bits leave two untouched, so the pairs to compare agree in some two bands: sorting finds them.

    Args:
        hashes: uint64, [num_hashes], without repetitions: n equal hashes would cost n * n.
        max_distance: In [0, 62].

    Yields:
        The pairs, in an order that depends on `hashes` alone.
    """
    bands = _bands(max_distance + 2)
    for one, other in combinations(range(len(bands)), 2):
        keys = hashes & (bands[one] | bands[other])
        order = np.argsort(keys, kind="stable")
        # A pair that agrees in more than two bands is taken where it agrees in the first two.
        before = [bands[band] for band in range(other) if band != one]
        for left, right in _iter_equal(keys[order]):
            first, second = order[left], order[right]
            differing = hashes[first] ^ hashes[second]
            distance = np.bitwise_count(differing)
            wanted = distance <= max_distance
            for band in before:
                wanted &= (differing & band) != 0
            first, second = first[wanted], second[wanted]
            yield NearPairs(np.minimum(first, second), np.maximum(first, second), distance[wanted].astype(np.int64))
