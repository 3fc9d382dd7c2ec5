"""What each of Keras' backends does in its own way: epochs, answers, gradients."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol

import keras
import numpy as np

from cdiscount_tasks.learning.networks.averaging import Average
from cdiscount_tasks.learning.networks.batches import Examples
from cdiscount_tasks.learning.networks.progress import Pulse
from cdiscount_tasks.learning.networks.state import TrainingState
from cdiscount_tasks.learning.pictures.inputs import Inputs
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings.training import TrainingConfig


class Learner(Protocol):
    """Lets a network learn from epochs."""

    @property
    def input_wait_share(self) -> float | None:
        """Return which share of the time of its epochs was spent waiting for batches; None: not known."""
        ...

    def learn(self, state: TrainingState, pulse: Pulse) -> None:
        """Learn from the batches of the running epoch, or from those that are left of it."""
        ...

    def settle(self) -> None:
        """Give the network and its optimiser the values that were learnt, within an epoch."""
        ...


def _module() -> Any:
    return import_module(f"cdiscount_tasks.learning.networks.on_{keras.backend.backend()}")


def make_learner(
    network: keras.Model, average: Average, examples: Examples, config: TrainingConfig, device: Device
) -> Learner:
    """Return what lets a compiled network learn from examples; `Device.check_batch` has passed its batch size."""
    learner: Learner = _module().Learner(network, average, examples, config, device)
    return learner


def made_quickly() -> AbstractContextManager[list[Any]]:
    """Let Keras make variables in the quickest way; those put on the list are on the device at the end."""
    manager: AbstractContextManager[list[Any]] = _module().made_quickly()
    return manager


def run_network(network: Any, inputs: Inputs, mirrored: bool = False) -> np.ndarray:
    """Return what a network says of each input, in order: float32, [num_inputs, num_outputs]."""
    return np.asarray(_module().run_network(network, inputs, mirrored))


def answer_pixels(network: keras.Model, pixels: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return what a network says of images that come some hundred at a time.

    Args:
        network: From images to probabilities.
        pixels: uint8, [num_images, size, size, 3], at least one.
        mirrored: Whether each is turned round first.

    Returns:
        float32, [num_images, num_outputs].
    """
    return np.asarray(_module().answer_pixels(network, pixels, mirrored))


def differentiate(function: Callable[[Any], Any], at: np.ndarray) -> np.ndarray:
    """Return the gradient of a function of `keras.ops` to a scalar: float32, shaped as `at`."""
    return np.asarray(_module().differentiate(function, at))
