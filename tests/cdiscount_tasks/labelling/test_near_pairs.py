import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.labelling import near_pairs
from cdiscount_tasks.labelling.near_pairs import iter_near_pairs

BITS = st.integers(0, 63)


@st.composite
def clustered_hashes(draw):
    """Draw some hashes, and others that differ from them in a few bits."""
    seeds = draw(st.lists(st.integers(0, 2**64 - 1), max_size=8))
    near = [seed ^ sum(1 << bit for bit in draw(st.sets(BITS, max_size=8))) for seed in seeds for _ in range(4)]
    return np.unique(np.array([*seeds, *near], np.uint64))


def found_pairs(hashes, max_distance):
    chunks = list(iter_near_pairs(hashes, max_distance))
    return [row for pairs in chunks for row in zip(*(column.tolist() for column in pairs), strict=True)]


def brute_force(hashes, max_distance):
    distances = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    first, second = np.nonzero(np.triu(distances <= max_distance, k=1))
    return [*zip(first.tolist(), second.tolist(), distances[first, second].tolist(), strict=True)]


@pytest.mark.parametrize("max_distance", [0, 1, 2, 4, 7, 14])
@given(clustered_hashes())
def test_every_near_pair_is_found_once_and_no_other(max_distance, hashes):
    assert sorted(found_pairs(hashes, max_distance)) == brute_force(hashes, max_distance)


@pytest.mark.parametrize("pairs_per_chunk", [1, 7, 1000])
def test_the_pairs_do_not_depend_on_how_many_are_compared_at_a_time(monkeypatch, pairs_per_chunk):
    hashes = np.arange(200, dtype=np.uint64)
    monkeypatch.setattr(near_pairs, "_PAIRS_PER_CHUNK", pairs_per_chunk)
    assert sorted(found_pairs(hashes, 2)) == brute_force(hashes, 2)


def test_a_huge_bucket_is_compared_in_pieces(monkeypatch):
    monkeypatch.setattr(near_pairs, "_PAIRS_PER_CHUNK", 1000)
    pieces = near_pairs._iter_equal(np.zeros(2000, np.uint64))
    assert max(len(left) for left, _ in pieces) <= 2000


def test_the_bands_cover_every_bit_once():
    for num_bands in (2, 3, 4, 7, 64):
        bands = [int(band) for band in near_pairs._bands(num_bands)]
        assert sum(bands) == 2**64 - 1
