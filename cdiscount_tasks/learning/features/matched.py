"""Samples compared at equal size: judged class by class, each cut to the same numbers of groups and pictures."""

from collections.abc import Sequence
from typing import NamedTuple

from cdiscount_tasks.learning.features.equal_size import (
    Judged,
    Neighbours,
    accuracy_figure,
    compare_neighbours,
    difference_figure,
    judge_samples,
    neighbour_figure,
)
from cdiscount_tasks.learning.features.head import Ints
from cdiscount_tasks.learning.features.matching import Material, Size, match_sizes
from cdiscount_tasks.learning.measuring.intervals import Figure


class Matched(NamedTuple):
    """What was found of samples at equal size.

    Attributes:
        sizes: What each class of a pair was cut to, by pair.
        judged: By sample.
        pictures_by_seed: Pictures that were learnt from of each class of a pair: by seed, then by pair.
        neighbours: By sample.
    """

    sizes: list[Size]
    judged: list[Judged]
    pictures_by_seed: list[list[int]]
    neighbours: list[Neighbours]

    def accuracy(self, sample: int, pair: int | None = None) -> Figure:
        """Return a sample's accuracy, or that of its class of one pair."""
        return accuracy_figure(self.judged[sample], sample, pair)

    def accuracy_by_seed(self, sample: int) -> list[float]:
        """Return a sample's accuracy under each seed."""
        judged = self.judged[sample]
        return [
            round(float(right.sum() / tested.sum()), 6)
            for right, tested in zip(judged.right.T, judged.tested.T, strict=True)
        ]

    def nearest(self, sample: int, pair: int | None = None) -> Figure:
        """Return how often a picture's nearest neighbour has its class, in a sample or in its class of one pair."""
        return neighbour_figure(self.neighbours[sample], pair)

    def difference(self, one: int, other: int) -> Figure:
        """Return the accuracy of one sample minus that of another."""
        return difference_figure(self.judged[one], self.judged[other], (one, other))

    def num_train_pictures(self, pair: int) -> dict[str, int]:
        """Return how many pictures of each class of a pair were learnt from, over the seeds."""
        numbers = [of_seed[pair] for of_seed in self.pictures_by_seed]
        return {"fewest": min(numbers), "most": max(numbers)}

    @property
    def majority(self) -> float:
        """Return the accuracy of always answering the largest category, the same in every sample."""
        judged = [size.num_test_groups for size in self.sizes]
        return round(max(judged) / sum(judged), 6)


def match_samples(
    materials: Sequence[Material], group_sizes: Sequence[Ints], pairs: Sequence[Sequence[int]]
) -> Matched:
    """Compare samples at equal size.

    Args:
        materials: By sample: the groups, pictures and features of its classes in the pairs.
        group_sizes: By sample: int64, [num_classes], the groups of each of its classes.
        pairs: Class indices, one of each sample, that are compared.
    """
    sizes = match_sizes(group_sizes, pairs)
    judged, pictures = judge_samples(materials, pairs, sizes)
    return Matched(sizes, judged, pictures, compare_neighbours(materials, pairs, sizes))
