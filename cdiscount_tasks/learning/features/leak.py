"""What a leak is worth: the accuracy of one classifier under splits that part copies, and under one that does not."""

import logging
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.features.head import Bools, Ints, predict_by_head
from cdiscount_tasks.learning.measuring.intervals import Figure, figure_of, known_exactly, percentiles
from cdiscount_tasks.learning.measuring.seeds import Stratum, draw_groups_and_seeds
from cdiscount_tasks.learning.measuring.shares import wilson_interval
from cdiscount_tasks.vocabulary import BY_IMAGE, BY_PRODUCT, CERTIFIED, SPLIT_KINDS, TEST, TRAIN

logger = logging.getLogger(__name__)

Splits = Mapping[str, npt.NDArray[np.str_]]
"""By kind of split: text, [num_images], one of SPLITS each."""


class LeakPrice(TypedDict):
    """Accuracies of single images, and by how much the leaky splits are above the certified one."""

    accuracy: dict[str, Figure]
    inflation: dict[str, Figure]


class Sides(TypedDict):
    """What is learnt from and what is judged under one split."""

    train: Bools
    test: Bools


def unknown_price() -> LeakPrice:
    """Return the price where it was not computed."""
    unknown = known_exactly(None, 0, 0)
    return LeakPrice(
        accuracy=dict.fromkeys(SPLIT_KINDS, unknown), inflation=dict.fromkeys((BY_PRODUCT, BY_IMAGE), unknown)
    )


def like_with_like(splits: Splits, seed: int) -> dict[str, Sides]:
    """Cut train and test to the same numbers of images under all kinds of split.

    Args:
        splits: One split of each kind.
        seed: Of the choice of images that are left out.

    Returns:
        By kind, two arrays bool, [num_images]; what is left out is in neither.
    """
    random = np.random.default_rng(seed)
    sides: dict[str, dict[str, Bools]] = {kind: {} for kind in splits}
    for name in (TRAIN, TEST):
        size = min(int((split == name).sum()) for split in splits.values())
        for kind, split in splits.items():
            chosen = random.permutation(np.flatnonzero(split == name))[:size]
            sides[kind][name] = np.isin(np.arange(len(split)), chosen)
    return {kind: Sides(train=of_kind[TRAIN], test=of_kind[TEST]) for kind, of_kind in sides.items()}


def price_leak(
    features: npt.NDArray[np.float32],
    class_index: Ints,
    group_id: Ints,
    splits_by_seed: Sequence[Splits],
    num_classes: int,
) -> LeakPrice:
    """Train a logistic head under each split and compare what each would have reported.

    Every image is learnt and judged by itself, with the class that the catalogue gives: under a split by image a
    product has no side of its own, so that single images are what all three can be compared by. Intervals draw groups
    and seeds anew, the same for all kinds.

    Args:
        features: float32, [num_images, num_features].
        class_index: int64, [num_images], in [0, num_classes).
        group_id: int64, [num_images], the groups that the certified split keeps whole.
        splits_by_seed: For each seed one split of each of SPLIT_KINDS.
        num_classes: Number of classes.

    Raises:
        ValueError: If a train or a test side is empty.
    """
    num_seeds, num_kinds = len(splits_by_seed), len(SPLIT_KINDS)
    right = np.zeros((len(features), num_seeds, num_kinds))
    tested = np.zeros_like(right)
    for seed, splits in enumerate(splits_by_seed):
        for kind, sides in like_with_like(splits, seed).items():
            if not sides["train"].any() or not sides["test"].any():
                raise ValueError(f"the {kind} split of seed {seed} has a side without an image")
            place = SPLIT_KINDS.index(kind)
            found = predict_by_head(features, class_index, sides["train"], sides["test"], num_classes)
            right[sides["test"], seed, place] = found.argmax(axis=1) == class_index[sides["test"]]
            tested[sides["test"], seed, place] = 1
        logger.info("priced %d of %d splits", seed + 1, num_seeds)
    return _compare(right, tested, group_id)


def _compare(right: npt.NDArray[np.float64], tested: npt.NDArray[np.float64], group_id: Ints) -> LeakPrice:
    """Turn what was right, [num_images, num_seeds, num_kinds], into figures."""
    value, draws = draw_groups_and_seeds([Stratum(right, tested, group_id, seed=0)], seed_of_seeds=0)
    judged = tested.any(axis=(1, 2))
    n, num_groups = int(judged.sum()), len(np.unique(group_id[judged]))
    certified = SPLIT_KINDS.index(CERTIFIED)

    def inflation(kind: str) -> Figure:
        place = SPLIT_KINDS.index(kind)
        low, high = percentiles(draws[:, place] - draws[:, certified])
        interval = (low, high) if low != high else (np.nan, np.nan)
        return figure_of(value[place] - value[certified], interval, n, num_groups)

    def accuracy(place: int) -> Figure:
        low, high = percentiles(draws[:, place])
        if low == high:  # every draw the same: resampling cannot tell
            low, high = wilson_interval(value[place], num_groups)
        return figure_of(value[place], (low, high), n, num_groups)

    return LeakPrice(
        accuracy={kind: accuracy(place) for place, kind in enumerate(SPLIT_KINDS)},
        inflation={kind: inflation(kind) for kind in (BY_PRODUCT, BY_IMAGE)},
    )
