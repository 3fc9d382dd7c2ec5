"""An average of a network's weights over its last steps, which answers better than those of any one step.

Batch statistics are averaged as weights are: those of the last step would fit other weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

_BEGINS_WITH = 10
"""The average forgets its first steps sooner: after t of them at least 9 / (t + 10) of it is new."""


def floats_of(values: list[Any]) -> list[Any]:
    """Return what can be averaged: states of seeds are whole numbers."""
    return [one for one in values if "float" in str(one.dtype)]


class Average:
    """An exponential average of all weights and batch statistics of a network.

    Attributes:
        variables: The average; none where nothing is averaged.
    """

    def __init__(self, network: keras.Model, num_steps: float) -> None:
        """Begin with the weights as they are; `num_steps` is over about how many it goes, 0: there is none."""
        weights = [*network.trainable_variables, *network.non_trainable_variables]
        self._of = floats_of(weights) if num_steps else []
        self._least = 1 / (1 + num_steps)
        self.variables = [
            keras.Variable(_copy(one), trainable=False, dtype="float32", name=f"average_{number}")
            for number, one in enumerate(self._of)
        ]

    def rates(self, first: int, end: int) -> np.ndarray:
        """Return which share of the average is new after some steps, counted from the first epoch on: float32."""
        step = np.arange(first, end)
        return np.maximum(self._least, (_BEGINS_WITH - 1) / (_BEGINS_WITH + step)).astype(np.float32)

    def step(self, rate: Any) -> None:
        """Take the weights in, as they are after a step."""
        for mean, now in zip(self.variables, self._of, strict=True):
            mean.assign(mean + rate * (now - mean))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the average meanwhile, and its own weights afterwards."""
        own = [_copy(one) for one in self._of]
        for variable, mean in zip(self._of, self.variables, strict=True):
            variable.assign(_copy(mean))
        try:
            yield
        finally:
            for variable, value in zip(self._of, own, strict=True):
                variable.assign(value)


def _copy(variable: Any) -> np.ndarray:
    # Of its own: an array that two variables share cannot be used up by a step.
    return np.array(keras.ops.convert_to_numpy(variable), np.float32)
