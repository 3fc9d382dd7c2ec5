"""How fast networks answer: all in one process, in turn, on pixels in memory."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

NUM_IMAGES = 64
"""A round: as many as a network on a CPU is given at once (`answering.py`)."""

FEWEST_ROUNDS, MOST_ROUNDS = 9, 99
ENOUGH_S = 10.0
"""From the fewest on, no round begins after so long. A round of small networks takes 0.1 s: at a load of 14 on two
cores, nine of them made a network 1.58 times as fast as itself, ninety 1.03 times."""

_NUM_WARM = 2
"""The first answers build the graph and fill the memory: they are not counted."""


class Answers(Protocol):
    """What is timed, such as an `AnsweringNetwork`."""

    image_size: int

    def answer(self, pixels: npt.NDArray[np.uint8]) -> Any:
        """Answer images: uint8, [num_images, image_size, image_size, 3]."""


def _seconds(network: Answers, pixels: npt.NDArray[np.uint8]) -> float:
    started = time.perf_counter()
    network.answer(pixels)
    return time.perf_counter() - started


def time_in_turn(networks: Sequence[Answers]) -> npt.NDArray[np.float64]:
    """Return how long networks take for `NUM_IMAGES` images each, in rounds in which each of them answers once.

    In turn, so that what else the machine does slows all of them; who begins changes from round to round. The pixels
    are random: how long a network computes does not depend on what they show.

    Args:
        networks: Ready to answer.

    Returns:
        float64, [num_rounds, num_networks], seconds.
    """
    random = np.random.default_rng(0)
    pixels = [random.integers(0, 256, (NUM_IMAGES, one.image_size, one.image_size, 3), np.uint8) for one in networks]
    for network, seen in zip([*networks] * _NUM_WARM, pixels * _NUM_WARM, strict=True):
        network.answer(seen)
    rounds: list[list[float]] = []
    while len(rounds) < FEWEST_ROUNDS or (len(rounds) < MOST_ROUNDS and np.sum(rounds) < ENOUGH_S):
        took = [0.0] * len(networks)
        for place in sorted(range(len(networks)), reverse=len(rounds) % 2 == 1):
            took[place] = _seconds(networks[place], pixels[place])
        rounds.append(took)
    return np.array(rounds)
