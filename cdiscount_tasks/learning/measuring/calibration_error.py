"""The calibration error, what it would be without chance, and its interval: arrays in, numbers out."""

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.shares import CONFIDENCE, Floats

FEWEST_GROUPS_IN_BIN = 15
"""Below so many groups a bin (each as good as an independent product, Kish) there is no interval: with 10 it covered 89
to 91 % in simulations, since a few large groups make the noise of a bin, and that is not normal."""

_NUM_DRAWS = 2_000
_SEED = 0
_NUM_HALVINGS = 18  # of about twice the error found: below the six digits that are shown


def _draw_noise(gaps: Floats, group_id: npt.NDArray[np.int64]) -> Floats:
    """Draw how far off chance puts the gaps of all bins together, normal, with the covariance over groups.

    Args:
        gaps: float64, [n, num_bins]: each product's right (1) or wrong (0) minus its confidence, in its bin.
        group_id: int64, [n].

    Returns:
        float64, [2,000, num_bins].
    """
    n, group = len(gaps), np.unique(group_id, return_inverse=True)[1]
    sizes = np.bincount(group)
    sums = np.zeros((len(sizes), gaps.shape[1]))
    np.add.at(sums, group, gaps)
    parts = sums - sizes[:, None] * (gaps.sum(axis=0) / n)
    covariance = parts.T @ parts / n**2 * len(sizes) / (len(sizes) - 1)
    variances, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(np.maximum(variances, 0))) @ axes.T
    return np.asarray(np.random.default_rng(_SEED).normal(size=(_NUM_DRAWS, gaps.shape[1])) @ root)


def _error_that_gives(share_of_smaller: float, gaps_like: Floats, noise: Floats, error: float) -> float:
    """Return the true error under which this share of the sums of |true gap + noise| is at most the error found.

    Args:
        share_of_smaller: In (0, 1).
        gaps_like: float64, [num_bins]: how the true error is spread over the bins.
        noise: float64, [2,000, num_bins].
        error: As found.
    """
    shape = gaps_like / max(float(np.abs(gaps_like).sum()), 1e-12)
    low, high = 0.0, error + float(np.abs(noise).sum(axis=1).max())
    for _ in range(_NUM_HALVINGS):
        middle = (low + high) / 2
        smaller = np.mean(np.abs(middle * shape + noise).sum(axis=1) <= error)
        low, high = (middle, high) if smaller > share_of_smaller else (low, middle)
    return low


def calibration_error(
    gap: Floats, place: npt.NDArray[np.int64], group_id: npt.NDArray[np.int64]
) -> tuple[float, float, tuple[float, float]]:
    """Return the expected calibration error as found, without what chance adds to it, and the interval of the truth.

    The error found is the sum over bins of n_bin / n * |accuracy - mean confidence|. Chance alone lifts it above 0, and
    lifts draws of groups once more, so that percentiles of draws lie too high (Kumar et al. 2019, arXiv 1909.10155).
    So a test is turned round: a true error is one of the interval if what was found is not unlikely under it, that
    is neither among the 2.5 % smallest nor among the 2.5 % largest sums of |true gap + noise|. How the true error is
    spread over the bins is not known. For the high end and the estimate it is spread as the noise, where chance adds
    the least; for the low end as the gaps found, where it adds more: so it is cautious at both ends. The estimate is
    the true error under which half of the sums are smaller.

    How often it covers the truth is measured by `python -m benchmarks.belief.figure_coverage` (docs/measurements.md).

    Args:
        gap: [n], at least one: right (1) or wrong (0), minus the confidence.
        place: [n], the bin, every one from 0 at least once.
        group_id: int64, [n].

    Returns:
        The error as found; the estimate; low and high end of the 95 % interval, which holds both; NaN for a single
        group, whose chance is unknown, and where bins have too few groups.
    """
    n = len(gap)
    gaps = np.zeros((n, int(place.max()) + 1))
    gaps[np.arange(n), place] = gap
    found = gaps.sum(axis=0) / n
    error = float(np.abs(found).sum())
    sizes = np.unique(group_id, return_counts=True)[1].astype(np.float64)
    if len(sizes) < 2:
        return error, error, (float("nan"), float("nan"))
    noise = _draw_noise(gaps, group_id)
    spread = np.where(found < 0, -1, 1) * np.maximum(noise.std(axis=0), 1e-12)
    low = _error_that_gives(0.5 + CONFIDENCE / 2, found, noise, error)
    middle, high = (_error_that_gives(share, spread, noise, error) for share in (0.5, 0.5 - CONFIDENCE / 2))
    if n**2 / (sizes**2).sum() < FEWEST_GROUPS_IN_BIN * len(found):
        return error, middle, (float("nan"), float("nan"))
    return error, middle, (min(low, middle, error), max(min(1.0, high), error))
