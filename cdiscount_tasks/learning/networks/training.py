"""Training a network epoch by epoch: the same weights for the same seed, also when it was killed and continued."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import keras
import numpy as np

from cdiscount_tasks.errors import DataError, DivergedError
from cdiscount_tasks.learning.measuring.joining import join_blocks
from cdiscount_tasks.learning.networks import progress
from cdiscount_tasks.learning.networks.averaging import Average
from cdiscount_tasks.learning.networks.backend import make_learner
from cdiscount_tasks.learning.networks.batches import Examples
from cdiscount_tasks.learning.networks.build import of_any_size
from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
from cdiscount_tasks.learning.networks.objective import compile_network
from cdiscount_tasks.learning.networks.predict import iter_probabilities
from cdiscount_tasks.learning.networks.progress import Progress, Pulse, Watch, log_epoch, log_progress
from cdiscount_tasks.learning.networks.state import Epoch, TrainingState, keep_state, take_up
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings.training import TrainingConfig

logger = logging.getLogger(__name__)


_BY_HAND = "it was stopped by hand"


class Trained(NamedTuple):
    """A trained network with its best weights, and how it got there."""

    network: keras.Model
    history: list[Epoch]
    best_epoch: int
    num_classes_predicted: int
    by_hand: bool = False  # it was stopped while more epochs were to come
    input_wait_share: float | None = None  # of the time of this process's epochs; None: not known


def product_loss(of_label: np.ndarray, is_right: np.ndarray) -> tuple[float, float]:
    """Return log-loss and accuracy over products.

    Args:
        of_label: float32, [num_products]: the probability of its class.
        is_right: bool, [num_products]: whether that is the most probable one.
    """
    return float(-np.log(np.maximum(of_label, 1e-7)).mean()), float(is_right.mean())


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
    """Judges a network by the products of the validation split, each by all of its images.

    Attributes:
        num_predicted: How many classes were predicted in each epoch that this process judged.
    """

    def __init__(self, examples: Examples) -> None:
        self.num_predicted: dict[int, int] = {}
        self._inputs = examples.inputs
        self._rows = np.argsort(examples.product, kind="stable")
        self._product = examples.product[self._rows]
        self._truth = np.zeros(examples.product.max() + 1, np.int64)
        self._truth[examples.product] = examples.class_index

    def judge(self, network: keras.Model) -> tuple[float, float, int]:
        """Return log-loss, accuracy, and how many classes are ever predicted."""
        of_label, predicted = self._answers(network)
        return *product_loss(of_label, predicted == self._truth), len(np.unique(predicted))

    def right(self, network: keras.Model) -> np.ndarray:
        """Return bool, [num_products]: whether the most probable class of each product is its own."""
        return np.asarray(self._answers(network)[1] == self._truth)

    def _answers(self, network: keras.Model) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 and int64, [num_products]: the probability of its class, and the most probable one."""
        of_label = np.empty(len(self._truth), np.float32)
        predicted, first = np.empty_like(self._truth), 0
        # Block by block: of all products, thousands of classes would be gigabytes.
        blocks = iter_probabilities(network, self._inputs, self._rows, network.output_shape[-1], flip=False)
        for probabilities in join_blocks(blocks, self._product):
            some = slice(first, first + len(probabilities))
            of_label[some] = probabilities[np.arange(len(probabilities)), self._truth[some]]
            predicted[some] = probabilities.argmax(axis=1)
            first = some.stop
        return of_label, predicted


def right_products(network: keras.Model, examples: Examples) -> np.ndarray:
    """Return bool, [num_products]: which products a network judges right, each by all of its images.

    Args:
        network: From what the examples' inputs are to class probabilities.
        examples: As `train` takes them to validate.
    """
    return _Validation(examples).right(network)


def _compile(network: keras.Model, num_images: int, config: TrainingConfig, device: Device) -> Average:
    """Prepare a network for training; returns the average of its weights."""
    if config.batch_size > num_images:
        logger.warning("batch_size is %d and there are %d images: an epoch is a single step", config.batch_size,
                       num_images)  # fmt: skip
    num_steps = math.ceil(num_images / config.batch_size)
    compile_network(network, config, config.epochs * num_steps, device.jit_compile)
    return Average(network, config.average_weights * num_steps)


def _judge_epoch(network: keras.Model, validation: _Validation, state: TrainingState) -> Epoch:
    """Return what the running epoch achieved, once its batches are learnt from."""
    epoch, learnt = len(state.history) + 1, time.monotonic()
    loss, accuracy, validation.num_predicted[epoch] = validation.judge(network)
    loss_sum, accuracy_sum, num_examples, train_s = state.sums
    _check_finite(network, loss_sum + loss, epoch)
    return Epoch(
        epoch,
        loss_sum / num_examples,
        accuracy_sum / num_examples,
        loss,
        accuracy,
        float(keras.ops.convert_to_numpy(network.optimizer.learning_rate)),
        round(train_s + time.monotonic() - learnt, 3),
        round(num_examples / max(train_s, 1e-9), 1),
        state.num_resumes,
    )


def _why_it_ends(state: TrainingState, config: TrainingConfig, watch: Watch | None) -> str:
    """Return why no further epoch is trained, for the log; empty: there is one more."""
    if len(state.history) >= config.epochs:
        return f"all {config.epochs} epochs are over"
    if len(state.history) - state.best_epoch >= config.early_stopping_patience:
        better = "higher validation accuracy" if config.epoch_chosen_by == "accuracy" else "lower validation loss"
        return f"no {better} for {config.early_stopping_patience} epochs"
    # Only between two epochs: one that was cut off within an epoch ends it first, as it would have without the cut.
    if watch and state.history and state.step == 0 and watch.wants_end(len(state.history)):
        return _BY_HAND
    return ""


def _tell(watch: Watch | None, state: TrainingState, config: TrainingConfig, running: Progress | None = None) -> None:
    """Log how far the running epoch is, if it runs, and note it for who watches."""
    if running:
        log_progress(running)
    if watch:
        watch.note(state.history, state.best_epoch, config, running)


def _with_best_weights(
    network: keras.Model, state: TrainingState, validation: _Validation, by_hand: bool, input_wait_share: float | None
) -> Trained:
    network.set_weights(state.best_weights)
    # A training that was killed and went on may have its best epoch from before.
    num_predicted = validation.num_predicted.get(state.best_epoch) or validation.judge(network)[2]
    if num_predicted == 1:
        logger.warning("the model predicts one class for every validation product: it has learnt nothing of use")
    return Trained(network, state.history, state.best_epoch, num_predicted, by_hand, input_wait_share)


def train(
    network: keras.Model,
    train_examples: Examples,
    validation_examples: Examples,
    config: TrainingConfig,
    device: Device,
    checkpoints: Checkpoints,
    listeners: Sequence[Callable[[Epoch], None]] = (),
    watch: Watch | None = None,
) -> Trained:
    """Train a network until its epochs are over, the validation loss over products no longer falls, or it is stopped.

    Args:
        network: From what the examples' inputs are to class probabilities.
        train_examples: What is learnt from.
        validation_examples: What decides which epoch's weights are kept; they are never learnt from.
        config: The preset's knobs.
        device: What it runs on.
        checkpoints: Where states are kept, and continued from.
        listeners: Each is called with every epoch that is over, before its checkpoint is written.
        watch: Who is shown how far it is, and may end it after a running epoch; None: nobody.

    Returns:
        The network with the weights of the best epoch.

    Raises:
        DataError: If a class has no example to learn from, or the loss or a weight becomes NaN or infinite.
    """
    _check_classes(train_examples, network.output_shape[-1])
    average = _compile(network, len(train_examples), config, device)
    validation = _Validation(validation_examples)
    state = take_up(checkpoints, network, average)
    learner = make_learner(network, average, train_examples, config, device)

    kept, is_kept = time.monotonic(), True

    def keep() -> None:
        nonlocal kept
        learner.settle()
        keep_state(checkpoints, network, average, state)
        kept = time.monotonic()

    tell = partial(_tell, watch, state, config)
    tell()
    while not (reason := _why_it_ends(state, config, watch)):
        with of_any_size(network):
            learner.learn(state, Pulse(state, len(train_examples), config, keep, tell))
        with average.in_place():
            state.end_epoch(_judge_epoch(network, validation, state), network, config.epoch_chosen_by)
        log_epoch(state.history, config)
        for listen in listeners:
            listen(state.history[-1])
        is_kept = time.monotonic() - kept >= progress.LEAST_BETWEEN_S
        if is_kept:
            keep()
        tell()
    if not is_kept:
        keep()
    logger.info("%s: training ends", reason)
    return _with_best_weights(network, state, validation, reason == _BY_HAND, learner.input_wait_share)
