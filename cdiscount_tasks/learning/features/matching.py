"""Samples cut to equal size: classes paired by size, equally many groups and different images of each pair."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from cdiscount_tasks.learning.features.head import Bools, Ints

TEST_SHARE = 0.3
MOST_PAIRS = 30
MOST_GROUPS = 1_500
"""Of a class, in so many classes: more of either takes minutes and tells little more."""


@dataclass(frozen=True)
class Material:
    """A sample's images as the comparison sees them.

    Attributes:
        features: float32, [num_images, num_features].
        product_of_image: int64, [num_images], each in [0, num_products), every product at least once.
        distinct_image: int64, [num_images]; images with the same pixels have the same number.
        class_index: int64, [num_products], as the catalogue gives it, in [0, num_classes).
        group_id: int64, [num_products]; two products that share an image are of one group.
    """

    features: npt.NDArray[np.float32]
    product_of_image: Ints
    distinct_image: Ints
    class_index: Ints
    group_id: Ints

    @cached_property
    def groups(self) -> tuple[Ints, Ints]:
        """Return the group of each product, numbered from 0, and the class that most products of each group have.

        Of equally common classes the one with the smallest index.
        """
        _, group = np.unique(self.group_id, return_inverse=True)
        # Pairs that occur, not groups x classes: of a whole catalogue those would be 300 GB.
        num_classes = int(self.class_index.max()) + 1
        pairs, counts = np.unique(group * num_classes + self.class_index, return_counts=True)
        of_pair, class_index = np.divmod(pairs, num_classes)
        order = np.lexsort((class_index, -counts, of_pair))
        first = np.unique(of_pair[order], return_index=True)[1]
        return group, class_index[order][first]

    def group_sizes(self, num_classes: int) -> Ints:
        """Return the number of groups of each class."""
        return np.bincount(self.groups[1], minlength=num_classes)


def material_of(products: pd.DataFrame, images: pd.DataFrame, features: npt.NDArray[np.float32] | None) -> Material:
    """Make a sample's material of its tables.

    Args:
        products: Columns product_id (ascending), class_index, group_id.
        images: Columns product_id, distinct_image.
        features: float32, [num_images, num_features], row for row as the images; None: where only groups matter.
    """
    return Material(
        features=np.zeros((len(images), 0), np.float32) if features is None else features,
        product_of_image=np.searchsorted(products["product_id"].to_numpy(), images["product_id"].to_numpy()),
        distinct_image=images["distinct_image"].to_numpy(np.int64),
        class_index=products["class_index"].to_numpy(np.int64),
        group_id=products["group_id"].to_numpy(np.int64),
    )


def match_products(material: Material, classes: Iterable[int]) -> Bools:
    """Choose the products of some classes' groups, of MOST_GROUPS groups of each class at most.

    Returns:
        bool, [num_products].
    """
    group, class_of_group = material.groups
    kept = np.zeros(len(class_of_group), bool)
    for class_index in classes:
        of_class = np.flatnonzero(class_of_group == class_index)
        kept[np.random.default_rng([0, class_index]).permutation(of_class)[:MOST_GROUPS]] = True
    return np.asarray(kept[group])


class Size(NamedTuple):
    """What each class of a pair is cut to, in every sample: groups in all, and those of them that are judged."""

    num_groups: int
    num_test_groups: int


class Sides(NamedTuple):
    """The groups of one seed: bool, [num_groups]."""

    train: Bools
    test: Bools


def pair_classes(sizes: Sequence[npt.ArrayLike]) -> list[list[int]]:
    """Pair the classes of samples by size.

    Each sample's classes are assigned to those of the sample with the fewest so that the squared logarithms of the
    ratios of their sizes add up to the least; classes that are left over belong to no pair.

    Args:
        sizes: Of each sample, the sizes of its classes, each at least 1.

    Returns:
        A row a pair, the largest first: the class index in each sample.
    """
    logs = [np.log(np.asarray(one, np.float64)) for one in sizes]
    fewest = min(range(len(logs)), key=lambda place: (len(logs[place]), place))
    order = np.argsort(-logs[fewest], kind="stable")
    columns = []
    for own in logs:
        _, assigned = linear_sum_assignment((logs[fewest][order][:, None] - own[None, :]) ** 2)
        # Where sizes are equal the solver may cross: the one with the smaller index first.
        columns.append(assigned[np.lexsort((assigned, -own[assigned]))].tolist())
    return [list(pair) for pair in zip(*columns, strict=True)]


def size_of(num_groups: int) -> Size:
    """Return a class's size: TEST_SHARE of its groups, and one at least, are judged."""
    return Size(num_groups, max(1, round(TEST_SHARE * num_groups)))


def match_sizes(group_sizes: Sequence[Ints], pairs: Sequence[Sequence[int]]) -> list[Size]:
    """Cut every class of a pair to the groups of the smallest, MOST_GROUPS at most.

    Args:
        group_sizes: Of each sample, the groups of its classes.
        pairs: What `pair_classes` gave.
    """
    matched = []
    for pair in pairs:
        num_groups = min(MOST_GROUPS, *(int(sizes[index]) for sizes, index in zip(group_sizes, pair, strict=True)))
        matched.append(size_of(num_groups))
    return matched


def deal_groups(material: Material, classes: Sequence[int], sizes: Sequence[Size], seed: int) -> Sides:
    """Draw each class's groups, and part them into train and test.

    Args:
        material: The sample.
        classes: Its class of each pair.
        sizes: Of each pair.
        seed: Another seed, other groups on other sides.
    """
    class_of_group = material.groups[1]
    train, test = np.zeros(len(class_of_group), bool), np.zeros(len(class_of_group), bool)
    for place, (class_index, size) in enumerate(zip(classes, sizes, strict=True)):
        of_class = np.flatnonzero(class_of_group == class_index)
        drawn = np.random.default_rng([seed, place]).permutation(of_class)[: size.num_groups]
        test[drawn[: size.num_test_groups]] = True
        train[drawn[size.num_test_groups :]] = True
    return Sides(train, test)


def distinct_rows(material: Material, classes: Sequence[int], groups: Bools) -> list[Ints]:
    """Return the rows of the distinct images of some groups, pair by pair: of each the first.

    A group counts for the class of most of its products; products of classes outside the pairs are left out.
    """
    group, class_of_group = material.groups
    group_of_image = group[material.product_of_image]
    paired = np.isin(material.class_index, classes)[material.product_of_image]
    rows = np.flatnonzero(groups[group_of_image] & paired)
    _, first = np.unique(material.distinct_image[rows], return_index=True)
    rows = rows[np.sort(first)]
    return [rows[class_of_group[group_of_image[rows]] == class_index] for class_index in classes]


def choose_images(rows: Sequence[Ints], numbers: Sequence[int], seed: int) -> Ints:
    """Choose so many of each pair's images at random; returns their rows, ascending."""
    chosen = [
        np.random.default_rng([seed, place, 1]).permutation(of_pair)[:number]
        for place, (of_pair, number) in enumerate(zip(rows, numbers, strict=True))
    ]
    return np.sort(np.concatenate(chosen))


def pair_of_class(classes: Sequence[int], num_classes: int) -> Ints:
    """Return the pair of each class index; -1: of none."""
    pair = np.full(num_classes, -1, np.int64)
    pair[list(classes)] = np.arange(len(classes))
    return pair
