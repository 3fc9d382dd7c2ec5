"""What runs differently on Keras' TensorFlow backend: epochs by Keras' own loop, batches made by NumPy."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from cdiscount_tasks.learning.networks.averaging import Average
from cdiscount_tasks.learning.networks.batches import EpochOrder, Examples, Ways, class_weights, weights_of
from cdiscount_tasks.learning.networks.progress import Pulse
from cdiscount_tasks.learning.networks.state import TrainingState
from cdiscount_tasks.learning.pictures.inputs import Inputs, mirror_images
from cdiscount_tasks.learning.pictures.mixed import Mix, mix_pictures
from cdiscount_tasks.learning.pictures.smaller import scale_down
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings.training import TrainingConfig

_PREDICTED_AT_ONCE = 64
"""More is no quicker on a CPU, and a pretrained network's first layers take 10 MB an image."""


class EpochBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch, or of what is left of it."""

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int,
        epoch: int,
        first_step: int = 0,
        ways: Ways = Ways(),  # noqa: B008
        weights: np.ndarray | None = None,
    ) -> None:
        """Deal the examples out; a resumed epoch begins with the batch of `first_step`.

        Args:
            examples: What is learnt from.
            batch_size: Of each batch but the last.
            seed: Of order and augmentation.
            epoch: From 1.
            first_step: Batches before it are left out.
            ways: Which pictures are shown, and how they are changed.
            weights: float32, [num_examples]: how much each counts; None: all the same.
        """
        super().__init__()
        self._weights = weights
        self._examples, self._batch_size, self._first_step = examples, batch_size, first_step
        self._order = EpochOrder.of(examples.class_index, examples.inputs.max_shift, seed, epoch, ways)
        self._size = ways.size
        examples.inputs.expect([self._order.shown[self._rows(number)] for number in range(len(self))])

    def __len__(self) -> int:
        """Return the number of batches that are left."""
        return math.ceil(len(self._examples) / self._batch_size) - self._first_step

    def _rows(self, number: int) -> np.ndarray:
        first = (number + self._first_step) * self._batch_size
        return self._order.rows[first : first + self._batch_size]

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        """Return a batch: what the network sees, and int64 [batch]; of mixed pictures what the loss compares with."""
        rows = self._rows(number)
        shown = self._order.shown[rows]
        inputs = self._examples.inputs.take(shown, self._order.mirrored[rows], self._order.shift[rows])
        if self._size is not None:
            inputs = scale_down(inputs, self._size, np)
        target = self._examples.class_index[shown]
        if self._order.mix is not None:
            mix = Mix(*(part[rows] for part in self._order.mix))
            inputs = mix_pictures(inputs, inputs[::-1], mix, np)
            target = np.stack([target, target[::-1], mix.share], axis=1).astype(np.float32)
        return (inputs, target) if self._weights is None else (inputs, target, self._weights[shown])


class _InOrder(keras.utils.PyDataset):  # type: ignore[misc]
    """All inputs in their order, unmoved."""

    def __init__(self, inputs: Inputs, mirrored: bool) -> None:
        super().__init__()
        self._inputs, self._mirrored = inputs, mirrored
        inputs.expect([self._rows(number) for number in range(len(self))])

    def __len__(self) -> int:
        return math.ceil(len(self._inputs) / _PREDICTED_AT_ONCE)

    def _rows(self, number: int) -> np.ndarray:
        first = number * _PREDICTED_AT_ONCE
        return np.arange(first, min(first + _PREDICTED_AT_ONCE, len(self._inputs)))

    def __getitem__(self, number: int) -> tuple[np.ndarray]:
        rows = self._rows(number)
        mirrored = np.full(len(rows), self._mirrored)
        return (self._inputs.take(rows, mirrored, np.zeros((len(rows), 2), np.int64)),)


class _Counts(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the pulse of every step."""

    def __init__(self, pulse: Pulse) -> None:
        super().__init__()
        self._pulse = pulse

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a step; Keras' logs are means since `fit` began."""
        logs = logs or {}
        self._pulse.count(batch + 1, logs.get("loss", math.nan), logs.get("accuracy", math.nan))


class _Averages(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets the average take every step in."""

    def __init__(self, average: Average, rates: np.ndarray) -> None:
        import tensorflow as tf

        super().__init__()
        self._rates, self._convert, self._step = rates, tf.constant, tf.function(average.step)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Take a step in."""
        self._step(self._convert(self._rates[batch]))


class Learner:
    """Learns from epochs by `fit`."""

    input_wait_share: float | None = None
    """Not known: Keras' own threads make the batches."""

    def __init__(
        self,
        network: keras.Model,
        average: Average,
        examples: Examples,
        config: TrainingConfig,
        device: Device,  # noqa: ARG002
    ) -> None:
        """Take a compiled network, the average of its weights, and what it learns from."""
        self._network, self._average, self._examples, self._config = network, average, examples, config
        self._size: int | None = None  # of the pictures that the step was made for

    def _callbacks(self, epoch: int, first_step: int, pulse: Pulse) -> list[Any]:
        """Return what is told of every step: a checkpoint, which the pulse makes, comes last."""
        if not self._average.variables:
            return [_Counts(pulse)]
        num_steps = math.ceil(len(self._examples) / self._config.batch_size)
        rates = self._average.rates((epoch - 1) * num_steps + first_step, epoch * num_steps)
        return [_Averages(self._average, rates), _Counts(pulse)]

    def learn(self, state: TrainingState, pulse: Pulse) -> None:
        """Learn from the batches of the running epoch, or from those that are left of it."""
        epoch, config = len(state.history) + 1, self._config
        ways = Ways.of(config, epoch)
        # Keras takes weights of classes for targets that are one number each.
        is_mixed = ways.mixing != "none"
        weights = weights_of(self._examples, config) if is_mixed and config.class_weights else None
        by_class = class_weights(self._examples.class_index) if config.class_weights and not is_mixed else None
        if ways.size != self._size:
            # TensorFlow would make a step for any size of the one for another: not what a resumed training makes.
            self._network.make_train_function(force=True)
            self._size = ways.size
        self._network.fit(
            EpochBatches(self._examples, config.batch_size, config.seed, epoch, state.step, ways, weights),
            initial_epoch=epoch - 1,
            epochs=epoch,
            verbose=0,
            shuffle=False,
            class_weight=by_class,
            callbacks=self._callbacks(epoch, state.step, pulse),
        )

    def settle(self) -> None:
        """Do nothing: the network's variables hold what was learnt after every step."""


def answer_pixels(network: Any, pixels: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return what a network says of uint8 images, [num_images, size, size, 3]: float32, [num_images, num_outputs]."""
    import tensorflow as tf

    # XLA would compile the network anew for every number of images.
    network.jit_compile = False
    at_once = len(pixels) if tf.config.list_physical_devices("GPU") else _PREDICTED_AT_ONCE
    seen = mirror_images(pixels) if mirrored else pixels
    # `predict` starts a thread and walks its callbacks each time it is called: a tenth of what a chunk takes.
    found = [network.predict_on_batch(seen[first : first + at_once]) for first in range(0, len(seen), at_once)]
    return np.concatenate([np.asarray(one, np.float32) for one in found])


def run_network(network: Any, inputs: Inputs, mirrored: bool = False) -> np.ndarray:
    """Return what a network says of each input, in order: float32, [num_inputs, num_outputs]."""
    # Half precision has a type of its own, which Parquet does not know.
    return np.asarray(network.predict(_InOrder(inputs, mirrored), verbose=0), np.float32)


@contextmanager
def made_quickly() -> Iterator[list[Any]]:
    """Let Keras make variables where it will: TensorFlow's own kernels need no compiling."""
    yield []


def differentiate(function: Callable[[Any], Any], at: np.ndarray) -> np.ndarray:
    """Return the gradient of a function to a scalar: an array like `at`."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        given = tf.convert_to_tensor(at)
        tape.watch(given)
        value = function(given)
    return np.asarray(tf.cast(tape.gradient(value, given), tf.float32))
