"""Which examples an epoch shows where classes come more evenly than they are: those of small ones several times.

The examples of a class take turns: an epoch goes on where the one before ended, and none comes again before all of its
class have come. So nothing is lost of a large class, and yet each epoch is a function of (seed, epoch) alone.
"""

import numpy as np


def places_of_classes(counts: np.ndarray, balance: float) -> np.ndarray:
    """Share the places of an epoch out to classes.

    Args:
        counts: int64, [num_classes], each at least 1: how many examples they have.
        balance: As the knob `class_balance`.

    Returns:
        int64, [num_classes], each at least 1; as many together as there are examples.
    """
    wanted = counts ** (1.0 - balance)
    wanted = wanted * (counts.sum() / wanted.sum())
    places: np.ndarray = wanted.astype(np.int64)
    largest_rests = np.argsort(places - wanted, kind="stable")
    places[largest_rests[: counts.sum() - places.sum()]] += 1
    return places


def choose_balanced(class_index: np.ndarray, balance: float, seed: int, epoch: int) -> np.ndarray:
    """Choose the examples of an epoch, class by class.

    Args:
        class_index: int64, [num_examples].
        balance: As the knob `class_balance`.
        seed: Of the training.
        epoch: From 1.

    Returns:
        int64, [num_examples]: which examples; some several times, others not at all.
    """
    counts = np.unique(class_index, return_counts=True)[1]
    of_classes = np.split(np.argsort(class_index, kind="stable"), np.cumsum(counts)[:-1])
    chosen = []
    for number, (examples, num_places) in enumerate(
        zip(of_classes, places_of_classes(counts, balance).tolist(), strict=True)
    ):
        first, size = (epoch - 1) * num_places, len(examples)
        rounds = range(first // size, (first + num_places - 1) // size + 1)
        # 1 more: a generator takes zeros at the end for nothing, and [seed, epoch] is that of the order.
        turns = [np.random.default_rng([seed, 1 + one, 1 + number]).permutation(examples) for one in rounds]
        begin = first - rounds.start * size
        chosen.append(np.concatenate(turns)[begin : begin + num_places])
    return np.concatenate(chosen)
