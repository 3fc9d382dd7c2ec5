import numpy as np
import pytest

from cdiscount_tasks.tables.near_ranges import READ_THROUGH_SHARE, widest_gap


@pytest.mark.parametrize("seed", range(20))
def test_all_gaps_that_are_read_are_together_a_small_share_of_what_is_wanted(seed):
    random = np.random.default_rng(seed)
    gaps = random.integers(-50, int(random.integers(1, 5000)), int(random.integers(0, 60)))
    num_wanted = int(random.integers(0, 100_000))
    widest = widest_gap(gaps, num_wanted)
    read = gaps[(gaps >= 0) & (gaps <= widest)]
    assert read.sum() <= READ_THROUGH_SHARE * num_wanted
    wider = gaps[(gaps >= 0) & (gaps <= np.min(gaps[gaps > widest], initial=10**9))]
    assert len(wider) == len(read) or wider.sum() > READ_THROUGH_SHARE * num_wanted


def test_ranges_that_touch_are_always_read_together():
    assert widest_gap(np.zeros(5, np.int64), 0) == 0
    assert widest_gap(np.array([], np.int64), 100) == 0


def test_of_equal_gaps_all_are_read_or_none():
    gaps = np.full(10, 100)
    assert widest_gap(gaps, 10_000) == 99
    assert widest_gap(gaps, 20_000) == 100
