"""The bootstrap of shares that were measured under several seeds: other groups and other seeds, drawn at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.intervals import resampled_sums
from cdiscount_tasks.learning.measuring.shares import Floats, divide


class Stratum(NamedTuple):
    """Groups that are drawn anew among themselves.

    Attributes:
        right: float64, [n, num_seeds, num_kinds]: what counts for the share of each kind under each seed; 0 where it
            was not tested.
        tested: The same shape: what the share is of; 0 where it was not tested.
        group_id: int64, [n].
        seed: Of the draws of these groups.
    """

    right: Floats
    tested: Floats
    group_id: npt.NDArray[np.int64]
    seed: int


class SeedShares(NamedTuple):
    """Shares over all seeds, and what other groups and seeds would give.

    Attributes:
        value: float64, [num_kinds].
        draws: float64, [NUM_DRAWS, num_kinds]; NaN where nothing tested was drawn.
    """

    value: Floats
    draws: Floats


def draw_groups_and_seeds(strata: Sequence[Stratum], seed_of_seeds: int | Sequence[int]) -> SeedShares:
    """Return shares with draws of them, groups drawn anew within each stratum and seeds among the seeds.

    The pigeonhole bootstrap for two crossed factors (Owen 2007, Annals of Applied Statistics 1): one draw has the same
    seeds for every group and the same groups for every seed and kind, so that what kinds have in common cancels in
    their difference. It is cautious: what groups and seeds do together is counted with each of the two.

    Args:
        strata: At least one; all with the same seeds and kinds.
        seed_of_seeds: Of the draws of seeds.
    """
    num_seeds, num_kinds = strata[0].right.shape[1:]
    totals, sums = np.zeros((2, num_seeds, num_kinds)), None
    for right, tested, group_id, seed in strata:
        values = np.stack([right, tested], axis=1)
        drawn = resampled_sums(values.reshape(len(values), -1), group_id, seed)
        sums = drawn if sums is None else sums + drawn
        totals += values.sum(axis=0)
    by_part = np.asarray(sums).reshape(-1, 2, num_seeds, num_kinds)
    even = np.full(num_seeds, 1 / num_seeds)
    times = np.random.default_rng(seed_of_seeds).multinomial(num_seeds, even, size=len(by_part))
    hits, trials = ((times[:, :, None] * by_part[:, part]).sum(axis=1) for part in (0, 1))
    return SeedShares(totals[0].sum(axis=0) / totals[1].sum(axis=0), divide(hits, trials))
