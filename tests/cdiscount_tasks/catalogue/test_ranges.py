from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.catalogue.window import BLOCK_BYTES


@given(st.integers(1, 10**12))
def test_the_ranges_cover_the_file_without_gap_or_overlap(size):
    found = ranges.all_ranges(size)
    assert found[0]["start"] == 0
    assert found[-1]["stop"] == size
    assert all(one["stop"] == after["start"] for one, after in pairwise(found))
    assert len(found) <= ranges.MAX_RANGES


@given(st.integers(1, 10**12))
def test_ranges_together_have_as_many_blocks_as_the_file(size):
    assert sum(map(ranges.num_blocks_of, ranges.all_ranges(size))) == -(-size // BLOCK_BYTES)


def test_an_empty_file_has_no_range():
    assert ranges.all_ranges(0) == []


@pytest.mark.parametrize(
    ("size", "blocks"), [(1, 4), (58 * 10**9, 4), (512 * 4 * 2**26, 4), (512 * 4 * 2**26 + 1, 5), (10**12, 30)]
)
def test_ranges_grow_so_that_there_are_never_more_than_512(size, blocks):
    assert ranges.range_blocks(size) == blocks
