import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.intervals import NUM_DRAWS
from cdiscount_tasks.learning.measuring.seeds import Stratum, draw_groups_and_seeds


def drawn_rows(num_groups=60, num_seeds=5, num_kinds=2, seed=0):
    """Return what was right and what was tested under some seeds, [num_rows, num_seeds, num_kinds], and the groups."""
    random = np.random.default_rng(seed)
    group_id = np.repeat(np.arange(num_groups), random.integers(1, 4, num_groups))
    tested = (random.random((len(group_id), num_seeds, num_kinds)) < 0.5).astype(float)
    return tested * (random.random(tested.shape) < 0.7), tested, group_id


def test_the_value_is_the_share_over_all_seeds():
    right, tested, group_id = drawn_rows()
    shares = draw_groups_and_seeds([Stratum(right, tested, group_id, 0)], 1)
    assert shares.value == pytest.approx(right.sum(axis=(0, 1)) / tested.sum(axis=(0, 1)))
    assert shares.draws.shape == (NUM_DRAWS, 2)


def test_the_draws_spread_as_those_of_a_slow_bootstrap_over_groups_and_seeds():
    right, tested, group_id = drawn_rows()
    draws = draw_groups_and_seeds([Stratum(right, tested, group_id, 0)], 1).draws
    random, rows_of = np.random.default_rng(0), [np.flatnonzero(group_id == group) for group in range(60)]
    slow = []
    for _ in range(3_000):
        rows = np.concatenate([rows_of[group] for group in random.integers(0, 60, 60)])
        seeds = random.integers(0, 5, 5)
        slow.append(right[rows][:, seeds].sum(axis=(0, 1)) / tested[rows][:, seeds].sum(axis=(0, 1)))
    ends = [2.5, 97.5]
    assert np.percentile(draws, ends, axis=0) == pytest.approx(np.percentile(slow, ends, axis=0), abs=0.015)


def test_kinds_share_their_draws_so_that_what_is_the_same_in_both_cancels():
    right, tested, group_id = drawn_rows(num_kinds=1)
    twice = Stratum(np.repeat(right, 2, axis=2), np.repeat(tested, 2, axis=2), group_id, 0)
    draws = draw_groups_and_seeds([twice], 1).draws
    assert (draws[:, 0] == draws[:, 1]).all()


def test_groups_of_a_stratum_are_drawn_among_themselves():
    """A stratum all right and one all wrong, half of the groups each: no draw of groups mixes them otherwise."""
    ones = np.ones((30, 3, 1))
    strata = [Stratum(ones * right, ones, np.arange(30), seed) for seed, right in enumerate((0, 1))]
    assert (draw_groups_and_seeds(strata, 2).draws == 0.5).all()


def test_where_nothing_was_tested_there_is_no_draw():
    tested = np.zeros((4, 2, 1))
    with np.errstate(invalid="ignore"):
        shares = draw_groups_and_seeds([Stratum(tested, tested, np.arange(4), 0)], 1)
    assert np.isnan(shares.draws).all()
