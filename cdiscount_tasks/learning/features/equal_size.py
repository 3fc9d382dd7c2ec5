"""How hard samples are at equal size: the same classifier on equally many groups and images of each, paired by size.

A sample's network has as many images to learn from as the sample has; which of two samples is harder it cannot tell.
Here both are cut to the same numbers, class by class, and a logistic head on frozen features takes the network's place,
so that it costs seconds to repeat it with other groups: what is left is how alike the categories look.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.features.head import Bools, Ints, predict_by_head
from cdiscount_tasks.learning.features.matching import (
    Material,
    Size,
    choose_images,
    deal_groups,
    distinct_rows,
    pair_of_class,
)
from cdiscount_tasks.learning.measuring.intervals import Figure, figure_of, known_exactly, mean_figure, percentiles
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.measuring.seeds import Stratum, draw_groups_and_seeds
from cdiscount_tasks.learning.measuring.shares import Floats

SEEDS = range(5)
MOST_NEIGHBOURS = 8_000
"""Images that are compared with one another, of each sample."""


class Judged(NamedTuple):
    """What a head made of the test groups, seed by seed.

    Attributes:
        right: float64, [num_groups, num_seeds]: the share of a group's products that are right; 0 where not tested.
        tested: float64, [num_groups, num_seeds]: 1 where the group was tested, else 0.
        pair: int64, [num_groups]: the pair of a group's class; -1: of none.
        num_products: Test products, each counted once however often it was tested.
    """

    right: Floats
    tested: Floats
    pair: Ints
    num_products: int


def judge_groups(material: Material, classes: Sequence[int], learnt: Ints, test: Bools) -> tuple[Floats, Ints]:
    """Let a head learn some images and judge the products of the test groups, each by all its images.

    Args:
        material: The sample.
        classes: Its class of each pair.
        learnt: Rows of the images to learn from.
        test: bool, [num_groups].

    Returns:
        float64, [num_groups], the share of each group's judged products that are right, 0 where there is none; and the
        judged products.
    """
    group = material.groups[0]
    pair = pair_of_class(classes, int(material.class_index.max()) + 1)[material.class_index]
    is_judged = test[group] & (pair >= 0)
    judged_images = is_judged[material.product_of_image]
    learns = np.zeros(len(judged_images), bool)
    learns[learnt] = True
    by_image = predict_by_head(
        material.features, pair[material.product_of_image], learns, judged_images, num_classes=len(classes)
    )
    products = np.flatnonzero(is_judged)
    by_product = joint_probabilities(by_image, np.searchsorted(products, material.product_of_image[judged_images]))
    right = by_product.argmax(axis=1) == pair[products]
    num_groups = len(test)
    hits, trials = np.bincount(group[products], right, num_groups), np.bincount(group[products], minlength=num_groups)
    return np.divide(hits, trials, out=np.zeros(num_groups), where=trials > 0), products


class _Judging:
    """One sample while it is judged, seed by seed."""

    def __init__(self, material: Material, classes: Sequence[int]) -> None:
        self._material, self._classes = material, classes
        self._right = np.zeros((len(material.groups[1]), len(SEEDS)))
        self._tested = np.zeros_like(self._right)
        self._seen: set[int] = set()

    def deal(self, sizes: Sequence[Size], seed: int) -> tuple[list[Ints], Bools]:
        """Return the rows of each pair's different train images, and bool, [num_groups]: the test groups."""
        sides = deal_groups(self._material, self._classes, sizes, seed)
        return distinct_rows(self._material, self._classes, sides.train), sides.test

    def judge(self, learnt: Ints, test: Bools, column: int) -> None:
        share, products = judge_groups(self._material, self._classes, learnt, test)
        self._right[:, column], self._tested[:, column] = share, test
        self._seen.update(products.tolist())

    def judged(self) -> Judged:
        pair = pair_of_class(self._classes, int(self._material.class_index.max()) + 1)[self._material.groups[1]]
        return Judged(self._right, self._tested, pair, len(self._seen))


def judge_samples(
    materials: Sequence[Material],
    pairs: Sequence[Sequence[int]],
    sizes: Sequence[Size],
    one_image_a_group: bool = False,
) -> tuple[list[Judged], list[list[int]]]:
    """Judge all samples at equal size, once for each seed.

    In every seed each sample's classes have the same number of test groups, of train groups and of different train
    images as the class that they are paired with.

    Args:
        materials: The samples.
        pairs: A row a pair: the class in each sample.
        sizes: Of each pair.
        one_image_a_group: As many train images as train groups, so that what is judged one after another has the
            same number; else as many as the sample of the pair with the fewest has.

    Returns:
        What was judged of each sample; and, for each seed, the number of train images of each pair.
    """
    classes_of = [[pair[place] for pair in pairs] for place in range(len(materials))]
    judging = [_Judging(material, classes) for material, classes in zip(materials, classes_of, strict=True)]
    numbers_by_seed = []
    for column, seed in enumerate(SEEDS):
        dealt = [one.deal(sizes, seed) for one in judging]
        numbers = [min(len(rows[place]) for rows, _ in dealt) for place in range(len(pairs))]
        if one_image_a_group:
            groups = [size.num_groups - size.num_test_groups for size in sizes]
            numbers = [min(pair) for pair in zip(numbers, groups, strict=True)]
        numbers_by_seed.append(numbers)
        for one, (rows, test) in zip(judging, dealt, strict=True):
            one.judge(choose_images(rows, numbers, seed), test, column)
    return [one.judged() for one in judging], numbers_by_seed


def draw_accuracies(judged: Judged, seed: int, pair: int | None = None) -> tuple[float, Floats, int]:
    """Return the accuracy with each group counted once, over all seeds, and what other groups and seeds would give.

    Groups are drawn anew within each class, and seeds among the seeds.

    Args:
        judged: Of a sample.
        seed: Of the draws; that of each sample another, since samples share no groups.
        pair: One pair alone; None: all.

    Returns:
        The accuracy, draws of it [NUM_DRAWS], and how many groups were tested.
    """
    places = range(int(judged.pair.max()) + 1) if pair is None else [pair]
    strata = []
    for place in places:
        rows = np.flatnonzero((judged.pair == place) & judged.tested.any(axis=1))
        if len(rows):
            right, tested = judged.right[rows, :, None], judged.tested[rows, :, None]
            strata.append(Stratum(right, tested, np.arange(len(rows)), seed * 1_000 + place))
    if not strata:
        return float("nan"), np.zeros(0), 0
    shares = draw_groups_and_seeds(strata, [seed, 2])
    value, draws, num_groups = float(shares.value[0]), shares.draws[:, 0], sum(len(one.group_id) for one in strata)
    # All right or all wrong: every draw is the same, which would be an interval of no width. Jeffreys' posterior has
    # one, a group counting as one trial (Brown, Cai and DasGupta 2001, Statistical Science 16). Only there: between 0
    # and 1 the draws know how much groups and seeds differ, and a posterior of so many trials does not. As draws, not
    # as an interval, so that the difference from another sample gets its width too.
    if value in (0.0, 1.0):
        num_right = value * num_groups
        draws = np.random.default_rng([seed, 3]).beta(num_right + 0.5, num_groups - num_right + 0.5, len(draws))
    return value, draws, num_groups


def accuracy_figure(judged: Judged, seed: int, pair: int | None = None) -> Figure:
    """Return the accuracy with each group counted once, with its interval over groups and seeds."""
    value, draws, num_groups = draw_accuracies(judged, seed, pair)
    if not num_groups:
        return known_exactly(None, 0, 0)
    low, high = percentiles(draws)
    return figure_of(
        value, (min(low, value), max(high, value)), judged.num_products if pair is None else num_groups, num_groups
    )


def difference_figure(one: Judged, other: Judged, seeds: tuple[int, int]) -> Figure:
    """Return one sample's accuracy minus another's; each is drawn by itself.

    Args:
        one: A sample.
        other: Another one.
        seeds: Those of their `accuracy_figure`s.
    """
    (value, draws, groups), (other_value, other_draws, other_groups) = (
        draw_accuracies(judged, seed) for judged, seed in zip((one, other), seeds, strict=True)
    )
    n = one.num_products + other.num_products
    return figure_of(value - other_value, percentiles(draws - other_draws), n, groups + other_groups)


def nearest_neighbours(features: npt.NDArray[np.float32], label: Ints, group: Ints) -> Bools:
    """Tell of each image whether the most similar image of another group has its label.

    Similar is the cosine of the features, each centred on its mean over the images. What a backbone pools is positive
    throughout, so that plain cosines are all near 1 and mostly say what the whole sample has in common, more of it in
    some samples than in others; here samples are compared, and what tells their images apart is what counts.
    `neighbours.find_nearest` does without: its vectors come batch by batch, so that there is no mean before all are
    read, and a similarity that a person reads must not depend on what else the sample holds.

    Args:
        features: float32, [num_images, num_features], of at least two groups.
        label: int64, [num_images].
        group: int64, [num_images].
    """
    centred = features - features.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    right = np.empty(len(unit), bool)
    for first in range(0, len(unit), 1024):
        some = slice(first, first + 1024)
        similarity = unit[some] @ unit.T
        similarity[group[some][:, None] == group[None, :]] = -np.inf
        right[some] = label[similarity.argmax(axis=1)] == label[some]
    return right


class Neighbours(NamedTuple):
    """Of the images that were compared: right, pair and group, [n]."""

    right: Bools
    pair: Ints
    group: Ints


def compare_neighbours(
    materials: Sequence[Material], pairs: Sequence[Sequence[int]], sizes: Sequence[Size]
) -> list[Neighbours]:
    """Find the nearest neighbours of equally many different images of every sample: those of the first seed."""
    classes_of = [[pair[place] for pair in pairs] for place in range(len(materials))]
    rows_of = []
    for material, classes in zip(materials, classes_of, strict=True):
        sides = deal_groups(material, classes, sizes, SEEDS[0])
        rows_of.append(distinct_rows(material, classes, sides.train | sides.test))
    numbers = np.array([min(len(rows[place]) for rows in rows_of) for place in range(len(pairs))])
    if numbers.sum() > MOST_NEIGHBOURS:
        numbers = np.maximum(2, numbers * MOST_NEIGHBOURS // numbers.sum())
    found = []
    for material, classes, rows in zip(materials, classes_of, rows_of, strict=True):
        chosen = choose_images(rows, numbers.tolist(), SEEDS[0])
        pair = pair_of_class(classes, int(material.class_index.max()) + 1)[material.class_index]
        label = pair[material.product_of_image[chosen]]
        group = material.groups[0][material.product_of_image[chosen]]
        found.append(Neighbours(nearest_neighbours(material.features[chosen], label, group), label, group))
    return found


def neighbour_figure(neighbours: Neighbours, pair: int | None = None) -> Figure:
    """Return the share of images whose nearest neighbour is right, with its interval over groups."""
    kept = neighbours.pair == pair if pair is not None else np.ones(len(neighbours.pair), bool)
    return mean_figure(neighbours.right[kept], neighbours.group[kept])
