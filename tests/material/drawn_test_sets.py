"""Test sets drawn with known truths, of products in groups, and the intervals of several methods on them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from cdiscount_tasks.learning.measuring.intervals import percentiles, resampled_sums
from cdiscount_tasks.learning.measuring.shares import _as_pairs, _correlations, score_intervals, wilson_interval

NUMS_GROUPS = (40, 100, 300, 1_000)
ACCURACIES = (0.75, 0.90, 0.97)
CORRELATIONS = (0.9, 0.5)
GOAL = (0.93, 0.97)

_SIZES = np.arange(1, 21)
_SIZE_EXPONENT = 2.5485  # of Zipf's law over these sizes: 1 - 1 / (mean size) = 0.37
NUM_IMAGES_SHARES = np.array([4_369_441, 1_128_588, 542_792, 1_029_075]) / 7_069_896  # of train.bson, 1 to 4 images
_LARGE_SHARE = 0.10
_Z = float(special.ndtri(0.975))

Interval = tuple[np.ndarray, np.ndarray]


class Cell(NamedTuple):
    """What a simulated test set is drawn from."""

    num_groups: int
    accuracy: float
    correlation: float
    has_large_group: bool


class TestSets(NamedTuple):
    """Simulated test sets.

    Attributes:
        sizes: float64, [repeats, num_groups], products of each group.
        hits: float64, [repeats, num_groups], how many of them are right.
        num_images: float64, [repeats].
        image_hits: float64, [repeats], how many images are right.
    """

    sizes: np.ndarray
    hits: np.ndarray
    num_images: np.ndarray
    image_hits: np.ndarray


def draw_usual_sizes(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers of products of a group, as Zipf has it: int, of the shape."""
    shares = _SIZES**-_SIZE_EXPONENT
    return random.choice(_SIZES, shape, p=shares / shares.sum())


def draw_sizes(random: np.random.Generator, repeats: int, cell: Cell) -> np.ndarray:
    """Draw the number of products of each group: int, [repeats, num_groups]."""
    sizes = draw_usual_sizes(random, (repeats, cell.num_groups))
    if cell.has_large_group:
        sizes[:, 0] = np.round(sizes[:, 1:].sum(axis=1) * _LARGE_SHARE / (1 - _LARGE_SHARE))
    return sizes


def draw_test_sets(cell: Cell, repeats: int, seed: int = 0) -> TestSets:
    """Draw test sets of one cell."""
    entropy = [seed, cell.num_groups, int(100 * cell.accuracy), int(10 * cell.correlation), cell.has_large_group]
    random = np.random.default_rng(entropy)

    def right(num: int) -> np.ndarray:
        return random.random(num) < cell.accuracy

    def alike(num: int) -> np.ndarray:
        return random.random(num) < cell.correlation

    sizes = draw_sizes(random, repeats, cell)
    num_groups = sizes.size
    group = np.repeat(np.arange(num_groups), sizes.ravel())
    product_right = np.where(alike(num_groups)[group], right(num_groups)[group], right(len(group)))
    num_images = random.choice(4, len(group), p=NUM_IMAGES_SHARES) + 1
    product = np.repeat(np.arange(len(group)), num_images)
    image_right = np.where(alike(len(product)), product_right[product], right(len(product)))
    repeat = group // cell.num_groups
    return TestSets(
        sizes.astype(np.float64),
        np.bincount(group, product_right, num_groups).reshape(sizes.shape),
        np.bincount(repeat, num_images, repeats),
        np.bincount(repeat[product], image_right, repeats),
    )


def design_effects(group_sizes: np.ndarray, group_hits: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return by how much groups inflate the variance of each of many shares (Kish 1965, Survey Sampling).

    1 + (size - 1) * correlation, with the size of the group that a product sees, sum(m^2) / sum(m).

    Args:
        group_sizes: [num_pairs], of each pair of a share and a group: the products, at least 1.
        group_hits: [num_pairs], how many of them are right.
        of: int, [num_pairs], which share the pair belongs to.

    Returns:
        float64, [num_shares], each at least 1: of the shares that occur in `of`, ascending.
    """
    total = _as_pairs(group_sizes, group_hits, of).groupby("of")[["m", "y", "groups", "squares", "within"]].sum()
    return np.asarray(1 + (total["squares"] / total["m"] - 1) * _correlations(total))


def _pairs(sets: TestSets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return sets.sizes.ravel(), sets.hits.ravel(), np.repeat(np.arange(len(sets.sizes)), sets.sizes.shape[1])


def _totals(sets: TestSets) -> tuple[np.ndarray, np.ndarray]:
    """Return the accuracy and the number of products of each test set."""
    n = sets.sizes.sum(axis=1)
    return sets.hits.sum(axis=1) / n, n


def _robust_errors(sets: TestSets) -> np.ndarray:
    """Return the linearised standard error of each accuracy, its groups independent (CR1)."""
    share, n = _totals(sets)
    num_groups = sets.sizes.shape[1]
    residuals = sets.hits - share[:, None] * sets.sizes
    return np.asarray(np.sqrt(num_groups / (num_groups - 1) * (residuals**2).sum(axis=1)) / n)


def _score_largest_apart(sets: TestSets) -> Interval:
    return score_intervals(*_pairs(sets))


def _wilson_on_effective(sets: TestSets) -> Interval:
    share, n = _totals(sets)
    return wilson_interval(share, n / design_effects(*_pairs(sets)))


def _jeffreys_on_effective(sets: TestSets) -> Interval:
    share, n = _totals(sets)
    effective = n / design_effects(*_pairs(sets))
    ends = [special.betaincinv(share * effective + 0.5, (1 - share) * effective + 0.5, q) for q in (0.025, 0.975)]
    return np.where(share == 0, 0, ends[0]), np.where(share == 1, 1, ends[1])


def _agresti_coull_on_effective(sets: TestSets) -> Interval:
    share, n = _totals(sets)
    effective = n / design_effects(*_pairs(sets))
    trials = effective + _Z**2
    middle = (share * effective + _Z**2 / 2) / trials
    half = _Z * np.sqrt(middle * (1 - middle) / trials)
    return middle - half, middle + half


def _cluster_robust_t(sets: TestSets) -> Interval:
    share, _ = _totals(sets)
    half = stats.t.ppf(0.975, sets.sizes.shape[1] - 1) * _robust_errors(sets)
    return share - half, share + half


def _cluster_robust_logit_t(sets: TestSets) -> Interval:
    share, n = _totals(sets)
    share = np.clip(share, 0.5 / n, 1 - 0.5 / n)
    floor = np.sqrt(share * (1 - share) / n)  # all right or all wrong: at least that of independent products
    half = stats.t.ppf(0.975, sets.sizes.shape[1] - 1) * np.maximum(_robust_errors(sets), floor) / share / (1 - share)
    return special.expit(special.logit(share) - half), special.expit(special.logit(share) + half)


def _single_products(sets: TestSets) -> Interval:
    return wilson_interval(*_totals(sets))


def _single_images(sets: TestSets) -> Interval:
    return wilson_interval(sets.image_hits / sets.num_images, sets.num_images)


def _bootstraps(sizes: np.ndarray, hits: np.ndarray) -> Iterator[tuple[float, float]]:
    """Yield the percentile, BCa and bootstrap-t interval of one test set, from the same draws (Efron 1987, JASA 82)."""
    share, n, num_groups = hits.sum() / sizes.sum(), sizes.sum(), len(sizes)
    moments = np.column_stack([hits, sizes, hits**2, hits * sizes, sizes**2])
    y, m, yy, ym, mm = resampled_sums(moments, np.arange(num_groups)).T
    draws = y / m
    low, high = percentiles(draws)
    if not high > low:
        yield from [wilson_interval(share, n**2 / (sizes**2).sum())] * 3
        return
    yield low, high
    influence = hits - share * sizes
    shift = special.ndtri(np.clip(((draws < share).mean() + (draws <= share).mean()) / 2, 1e-4, 1 - 1e-4))
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    ends = [shift + (shift + z) / (1 - acceleration * (shift + z)) for z in (-_Z, _Z)]
    yield tuple(np.percentile(draws, 100 * special.ndtr(ends)))
    errors = np.sqrt(np.maximum(yy - 2 * draws * ym + draws**2 * mm, 0)) / m
    told = errors > 1e-12
    low_t, high_t = np.percentile((draws - share)[told] / errors[told], [2.5, 97.5])
    error = np.sqrt((influence**2).sum()) / n
    yield share - high_t * error, share - low_t * error


SCORE = "score, largest group apart"
SINGLE_IMAGES = "Wilson by single images"
METHODS: dict[str, Callable[[TestSets], Interval]] = {
    SCORE: _score_largest_apart,
    "Wilson on n / design effect": _wilson_on_effective,
    "Jeffreys on n / design effect": _jeffreys_on_effective,
    "Agresti-Coull on n / design effect": _agresti_coull_on_effective,
    "cluster-robust t": _cluster_robust_t,
    "cluster-robust t of the logit": _cluster_robust_logit_t,
    "Wilson by single products": _single_products,
    SINGLE_IMAGES: _single_images,
}
BOOTSTRAPS = ("percentile bootstrap", "BCa bootstrap", "bootstrap-t")


def cells() -> Iterator[Cell]:
    """Yield all cells: groups vary fastest, then the accuracy."""
    for correlation in CORRELATIONS:
        for has_large_group in (False, True):
            for accuracy in ACCURACIES:
                for num_groups in NUMS_GROUPS:
                    yield Cell(num_groups, accuracy, correlation, has_large_group)


def measure(cell: Cell, repeats: int, with_bootstraps: bool = True) -> dict[str, tuple[float, float]]:
    """Return of each method how often it covered the cell's accuracy, and the mean width within [0, 1]."""
    sets = draw_test_sets(cell, repeats)
    found = {name: method(sets) for name, method in METHODS.items()}
    if with_bootstraps:
        ends = np.array([list(_bootstraps(*one)) for one in zip(sets.sizes, sets.hits, strict=True)])
        found |= {name: (ends[:, place, 0], ends[:, place, 1]) for place, name in enumerate(BOOTSTRAPS)}
    return {
        name: (
            float(np.mean((low <= cell.accuracy) & (cell.accuracy <= high))),
            float(np.mean(np.minimum(high, 1) - np.maximum(low, 0))),
        )
        for name, (low, high) in found.items()
    }
