"""Training a network epoch by epoch: the same weights for the same seed, also when it was killed and continued."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import psutil

from cdiscount_tasks.errors import DataError, DivergedError
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.networks.batches import EpochBatches, Examples, class_weights
from cdiscount_tasks.learning.networks.objective import compile_network
from cdiscount_tasks.learning.networks.predict import predict_images
from cdiscount_tasks.machine.gpus import Device
from cdiscount_tasks.settings.training import TrainingConfig

logger = logging.getLogger(__name__)

PROGRESS_S = 30.0
LATER_PROGRESS_S = 120.0
FIRST_S = 3600.0
"""How far an epoch is is told every PROGRESS_S in the first FIRST_S of a training, then every LATER_PROGRESS_S: the log
of a day stays below a megabyte."""

ENOUGH_BATCHES = 20
"""How long it takes is told from so many batches on, or from the second line: the first batch waits for compiling."""

CHECKPOINT_S = 300.0
"""A state is kept at the end of every epoch, and within one so many seconds after the last."""


class Epoch(NamedTuple):
    """What an epoch achieved; the fields are columns of history.parquet."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    images_per_s: float
    num_resumes: int


class Trained(NamedTuple):
    """A trained network with its best weights, and how it got there."""

    network: keras.Model
    history: list[Epoch]
    best_epoch: int
    num_classes_predicted: int


class Checkpoint(Protocol):
    """A state of a training that was kept."""

    @property
    def facts(self) -> dict[str, Any]:
        """Return numbers and names, as JSON has them."""
        ...

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Return weights and states by name."""
        ...


class Checkpoints(Protocol):
    """Where the states of one training are kept."""

    def save(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bool:
        """Keep a state."""
        ...

    def newest(self) -> Checkpoint | None:
        """Return the newest state that is whole, or None."""
        ...


@dataclass
class _State:
    """Where a training stands, beside the network's and the optimiser's variables.

    Attributes:
        history: The epochs that are over.
        best_weights: Of the epoch with the lowest validation loss; the first ones before there is any.
        best_epoch: Its number; 0: none yet.
        step: Batches of the running epoch that are learnt from.
        sums: Of the running epoch: loss and accuracy times examples, examples, seconds.
        num_resumes: How often the running epoch was continued.
        started: When this process began or took up the training, by its monotonic clock; not kept.
    """

    best_weights: list[np.ndarray]
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    num_resumes: int = 0
    started: float = field(default_factory=time.monotonic)

    def facts(self) -> dict[str, Any]:
        return {"history": self.history, "best_epoch": self.best_epoch, "step": self.step, "sums": self.sums,
                "num_resumes": self.num_resumes}  # fmt: skip

    def is_over(self, config: TrainingConfig) -> bool:
        return len(self.history) - self.best_epoch >= config.early_stopping_patience


def _all_variables(network: keras.Model) -> list[Any]:
    """Return all that training changes: weights, batch statistics, states of seeds, the optimiser's slots."""
    return [*network.variables, *network.optimizer.variables]


def _save(checkpoints: Checkpoints | None, network: keras.Model, state: _State) -> None:
    if checkpoints is None:
        return
    now = {f"now_{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_all_variables(network))}
    best = {f"best_{i}": weight for i, weight in enumerate(state.best_weights)}
    checkpoints.save(state.facts(), now | best)


def _resume(checkpoints: Checkpoints | None, network: keras.Model) -> _State:
    """Put the network and its optimiser into the newest state that was kept, or begin."""
    state = _State(network.get_weights())
    kept = checkpoints.newest() if checkpoints else None
    if kept is None:
        return state
    for number, variable in enumerate(_all_variables(network)):
        variable.assign(kept.arrays[f"now_{number}"])
    state.best_weights = [kept.arrays[f"best_{number}"] for number in range(len(state.best_weights))]
    state.history = [Epoch(*row) for row in kept.facts["history"]]
    state.best_epoch, state.step, state.sums = (kept.facts[name] for name in ("best_epoch", "step", "sums"))
    state.num_resumes = kept.facts["num_resumes"] + 1
    logger.info("resumed after %d epochs and %d steps", len(state.history), state.step)
    return state


class _Pulse(keras.callbacks.Callback):  # type: ignore[misc]
    """Within an epoch: keeps the state's sums, tells now and then how far it is, and keeps checkpoints.

    Keras' logs are means since `fit` began; the sums of what went before a resume are added.
    """

    def __init__(self, state: _State, num_examples: int, config: TrainingConfig, keep: Any) -> None:
        super().__init__()
        self._state, self._before, self._first_step = state, list(state.sums), state.step
        self._num_examples, self._config, self._keep = num_examples, config, keep
        self._started = self._told = self._kept = time.monotonic()
        self._first_ended, self._first_seen, self._num_told = self._started, 0, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a step."""
        logs, now, state = logs or {}, time.monotonic(), self._state
        state.step = self._first_step + batch + 1
        end = min(state.step * self._config.batch_size, self._num_examples)
        seen = end - self._first_step * self._config.batch_size
        since = [logs.get("loss", math.nan) * seen, logs.get("accuracy", math.nan) * seen, seen, now - self._started]
        state.sums = [before + more for before, more in zip(self._before, since, strict=True)]
        if batch == 0:
            self._first_ended, self._first_seen = now, seen
        if now - self._told >= (PROGRESS_S if now - state.started < FIRST_S else LATER_PROGRESS_S):
            self._told = now
            self._num_told += 1
            timed = seen - self._first_seen
            is_known = timed and (batch >= ENOUGH_BATCHES or self._num_told > 1)
            rate = timed / (now - self._first_ended) if timed else seen / (now - self._started)
            self._tell(logs, end, rate, is_known=bool(is_known))
        if now - self._kept >= CHECKPOINT_S and end < self._num_examples:
            self._keep()
            self._kept = time.monotonic()

    def _tell(self, logs: Mapping[str, Any], seen: int, rate: float, *, is_known: bool) -> None:
        epoch = len(self._state.history) + 1
        left = (self._config.epochs - epoch + 1) * self._num_examples - seen
        logger.info(
            "epoch %d, image %d of %d: loss %.4f, %s, %.1f GiB of memory",
            epoch, seen, self._num_examples, logs.get("loss", math.nan),
            f"{rate:.0f} images/s, {left / rate:.0f} s left at most" if is_known else "the first batches",
            psutil.Process().memory_info().rss / 2**30,
        )  # fmt: skip


def product_loss(probabilities: np.ndarray, class_index: np.ndarray) -> tuple[float, float]:
    """Return log-loss and accuracy over products.

    Args:
        probabilities: float32, [num_products, num_classes].
        class_index: int64, [num_products].
    """
    right = probabilities[np.arange(len(class_index)), class_index]
    return float(-np.log(np.maximum(right, 1e-7)).mean()), float((probabilities.argmax(axis=1) == class_index).mean())


def _check_finite(network: keras.Model, loss: float, epoch: int) -> None:
    if not math.isfinite(loss) or not all(np.isfinite(weight).all() for weight in network.get_weights()):
        raise DivergedError(
            f"training diverged in epoch {epoch}: the loss or a weight is not finite; lower the learning_rate"
        )


def _check_classes(examples: Examples, num_classes: int) -> None:
    counts = np.bincount(examples.class_index, minlength=num_classes)
    if len(counts) > num_classes or not counts.all():
        lacking = np.flatnonzero(counts == 0).tolist()
        raise DataError(
            f"the train split has no image of class_index {lacking[:10]}, expected every one of {num_classes} classes; "
            "look for what fix_labels took out, or take the class out of the sample"
        )


class _Validation:
    """Judges a network by the products of the validation split, each by all of its images."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._truth = np.zeros(examples.product.max() + 1, np.int64)
        self._truth[examples.product] = examples.class_index

    def judge(self, network: keras.Model) -> tuple[float, float, int]:
        """Return log-loss, accuracy, and how many classes are ever predicted."""
        of_images = predict_images(network, self._examples.inputs, flip=False)
        of_products = joint_probabilities(of_images, self._examples.product)
        return *product_loss(of_products, self._truth), len(np.unique(of_products.argmax(axis=1)))


def train(
    network: keras.Model,
    train_examples: Examples,
    validation_examples: Examples,
    config: TrainingConfig,
    device: Device,
    checkpoints: Checkpoints | None = None,
    told: Callable[[Epoch], None] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Trained:
    """Train a network until its epochs are over, or the validation loss over products no longer falls.

    Args:
        network: From what the examples' inputs are to class probabilities.
        train_examples: What is learnt from.
        validation_examples: What decides which epoch's weights are kept; they are never learnt from.
        config: The preset's knobs.
        device: What it runs on.
        checkpoints: Where states are kept, and continued from; None: nowhere.
        told: Called with each epoch that is over.
        callbacks: More of Keras' callbacks; they see each epoch as a `fit` of its own.

    Returns:
        The network with the weights of the best epoch.

    Raises:
        DataError: If a class has no example to learn from, or the loss or a weight becomes NaN or infinite.
    """
    num_classes = network.output_shape[-1]
    _check_classes(train_examples, num_classes)
    num_steps = math.ceil(len(train_examples) / config.batch_size)
    if config.batch_size > len(train_examples):
        logger.warning("batch_size is %d and there are %d images: an epoch is a single step", config.batch_size,
                       len(train_examples))  # fmt: skip
    with device.scope():
        compile_network(network, config, config.epochs * num_steps, device.jit_compile)
    validation = _Validation(validation_examples)
    state = _resume(checkpoints, network)
    while len(state.history) < config.epochs and not state.is_over(config):
        epoch = len(state.history) + 1
        pulse = _Pulse(state, len(train_examples), config, lambda: _save(checkpoints, network, state))
        _learn(network, train_examples, config, epoch, state.step, [pulse, *callbacks])
        learnt = time.monotonic()
        loss, accuracy, _ = validation.judge(network)
        _check_finite(network, state.sums[0] + loss, epoch)
        is_best = all(loss < past.validation_loss for past in state.history)
        state.history.append(_epoch_of(state, network, loss, accuracy, time.monotonic() - learnt))
        _log_epoch(state.history, config.epochs)
        if told:
            told(state.history[-1])
        if is_best:
            state.best_weights, state.best_epoch = network.get_weights(), epoch
        state.step, state.sums, state.num_resumes = 0, [0.0] * 4, 0
        _save(checkpoints, network, state)
    if state.is_over(config) and len(state.history) < config.epochs:
        logger.info("no lower validation loss for %d epochs: training ends", config.early_stopping_patience)
    network.set_weights(state.best_weights)
    num_predicted = validation.judge(network)[2]
    if num_predicted == 1:
        logger.warning("the model predicts one class for every validation product: it has learnt nothing of use")
    return Trained(network, state.history, state.best_epoch, num_predicted)


def _learn(
    network: keras.Model,
    examples: Examples,
    config: TrainingConfig,
    epoch: int,
    first_step: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Learn from an epoch's batches, or from those that are left of it."""
    network.fit(
        EpochBatches(examples, config.batch_size, config.seed, epoch, first_step),
        initial_epoch=epoch - 1,
        epochs=epoch,
        verbose=0,
        shuffle=False,
        class_weight=class_weights(examples.class_index) if config.class_weights else None,
        callbacks=callbacks,
    )


def _epoch_of(state: _State, network: keras.Model, loss: float, accuracy: float, judging_s: float) -> Epoch:
    loss_sum, accuracy_sum, num_examples, train_s = state.sums
    return Epoch(
        len(state.history) + 1,
        loss_sum / num_examples,
        accuracy_sum / num_examples,
        loss,
        accuracy,
        float(keras.ops.convert_to_numpy(network.optimizer.learning_rate)),
        round(train_s + judging_s, 3),
        round(num_examples / max(train_s, 1e-9), 1),
        state.num_resumes,
    )


def _log_epoch(history: list[Epoch], num_epochs: int) -> None:
    last = history[-1]
    mean_s = sum(epoch.seconds for epoch in history) / len(history)
    logger.info(
        "epoch %d of %d: train loss %.4f, accuracy %.1f %%; validation (products) loss %.4f, accuracy %.1f %%; "
        "%.0f images/s, %.0f s left at most, %.1f GiB of memory",
        last.epoch, num_epochs, last.train_loss, 100 * last.train_accuracy,
        last.validation_loss, 100 * last.validation_accuracy, last.images_per_s,
        mean_s * (num_epochs - last.epoch), psutil.Process().memory_info().rss / 2**30,
    )  # fmt: skip
