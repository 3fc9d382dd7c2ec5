"""Training a network from arrays in memory: epoch by epoch, the same weights for the same seed."""

import logging
import math
import time
from typing import Any, NamedTuple

import keras
import numpy as np

from cdiscount_tasks.config import TrainingConfig
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.devices import Device
from cdiscount_tasks.learning.predictions import joint_probabilities, predict_images

logger = logging.getLogger(__name__)

_WARM_UP_SHARE = 0.1
_PROGRESS_S = 30.0
_MAX_SHIFT_SHARE = 1 / 16
"""Pictures are moved by up to this share of their side; what moves in is the border's colour."""


class Examples(NamedTuple):
    """Pictures with their class.

    Attributes:
        images: uint8, [num_images, image_size, image_size, 3].
        class_index: int64, [num_images].
        product: int64, [num_images], each in [0, num_products): which product an image belongs to.
    """

    images: np.ndarray
    class_index: np.ndarray
    product: np.ndarray


class Epoch(NamedTuple):
    """What an epoch achieved; the fields are the columns of history.parquet."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    images_per_s: float


class Trained(NamedTuple):
    """A trained network with its best weights, and how it got there."""

    network: keras.Model
    history: list[Epoch]
    best_epoch: int


class EpochBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch: order and augmentation are functions of (seed, epoch, example) alone."""

    def __init__(self, examples: Examples, batch_size: int, seed: int, epoch: int) -> None:
        super().__init__()
        rng = np.random.default_rng([seed, epoch])
        num_images = len(examples.images)
        self._examples = examples
        self._batch_size = batch_size
        self._order = rng.permutation(num_images)
        self._flipped = rng.random(num_images) < 0.5
        most = int(examples.images.shape[1] * _MAX_SHIFT_SHARE)
        self._shift = rng.integers(-most, most + 1, (num_images, 2))

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch: uint8 [batch, size, size, 3] and int64 [batch]."""
        rows = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        size = self._examples.images.shape[1]
        place = np.arange(size)
        ys = np.clip(place + self._shift[rows, :1], 0, size - 1)
        xs = np.clip(place + self._shift[rows, 1:], 0, size - 1)
        xs = np.where(self._flipped[rows, None], xs[:, ::-1], xs)
        images = self._examples.images[rows[:, None, None], ys[:, :, None], xs[:, None, :]]
        return images, self._examples.class_index[rows]


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Logs how far an epoch is every 30 s, for the epochs that take minutes."""

    def __init__(self, epoch: int, num_steps: int, batch_size: int) -> None:
        super().__init__()
        self._epoch, self._num_steps, self._batch_size = epoch, num_steps, batch_size
        self._started = self._told = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the step, the loss and the speed."""
        now = time.monotonic()
        if now - self._told >= _PROGRESS_S:
            self._told = now
            rate = (batch + 1) * self._batch_size / (now - self._started)
            logger.info("epoch %d, step %d of %d: loss %.4f, %.0f images/s", self._epoch, batch + 1, self._num_steps,
                        (logs or {}).get("loss", math.nan), rate)  # fmt: skip


def _schedule(config: TrainingConfig, num_steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    warm_up = max(int(_WARM_UP_SHARE * num_steps), 1)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        warmup_target=config.learning_rate,
        warmup_steps=warm_up,
        decay_steps=max(num_steps - warm_up, 1),
        alpha=0.01,
    )


def _compile(network: keras.Model, config: TrainingConfig, num_steps: int, num_classes: int, device: Device) -> None:
    network.compile(
        optimizer=keras.optimizers.AdamW(_schedule(config, num_steps), weight_decay=config.weight_decay),
        loss=_SmoothedCrossEntropy(num_classes, config.label_smoothing),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=device.jit_compile,
    )


class _SmoothedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy against targets that spread a share of themselves over all classes (Szegedy et al., 2016)."""

    def __init__(self, num_classes: int, smoothing: float) -> None:
        super().__init__(name="smoothed_cross_entropy")
        self._num_classes, self._smoothing = num_classes, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example."""
        target = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), self._num_classes)
        return keras.losses.categorical_crossentropy(target, y_pred, label_smoothing=self._smoothing)


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
        raise DataError(
            f"training diverged in epoch {epoch}: the loss or a weight is not finite; lower the learning_rate"
        )


def train(
    network: keras.Model,
    train_examples: Examples,
    validation_examples: Examples,
    config: TrainingConfig,
    device: Device,
) -> Trained:
    """Train a network until its epochs are over, or the validation loss over products no longer falls.

    Args:
        network: From uint8 pictures to class probabilities.
        train_examples: What is learnt from.
        validation_examples: What decides which epoch's weights are kept; they are never learnt from.
        config: The preset's knobs.
        device: What it runs on.

    Returns:
        The network with the weights of the best epoch.

    Raises:
        DataError: If the loss or a weight becomes NaN or infinite.
    """
    num_classes = network.output_shape[-1]
    num_images = len(train_examples.images)
    num_steps = math.ceil(num_images / config.batch_size)
    _compile(network, config, config.epochs * num_steps, num_classes, device)
    truth = np.zeros(validation_examples.product.max() + 1, np.int64)
    truth[validation_examples.product] = validation_examples.class_index
    history: list[Epoch] = []
    best_weights, best_epoch = network.get_weights(), 0
    for epoch in range(1, config.epochs + 1):
        started = time.monotonic()
        batches = EpochBatches(train_examples, config.batch_size, config.seed, epoch)
        progress = _Progress(epoch, num_steps, config.batch_size)
        logs = network.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[progress]).history
        trained_s = time.monotonic() - started
        probabilities = joint_probabilities(
            predict_images(network, validation_examples.images, flip=False), validation_examples.product
        )
        loss, accuracy = product_loss(probabilities, truth)
        _check_finite(network, logs["loss"][0] + loss, epoch)
        history.append(
            Epoch(
                epoch,
                logs["loss"][0],
                logs["accuracy"][0],
                loss,
                accuracy,
                float(keras.ops.convert_to_numpy(network.optimizer.learning_rate)),
                round(time.monotonic() - started, 3),
                round(num_images / trained_s, 1),
            )
        )
        _log_epoch(history, config.epochs)
        if loss <= min(past.validation_loss for past in history):
            best_weights, best_epoch = network.get_weights(), epoch
        if epoch - best_epoch >= config.early_stopping_patience:
            logger.info("no lower validation loss for %d epochs: training ends", config.early_stopping_patience)
            break
    network.set_weights(best_weights)
    return Trained(network, history, best_epoch)


def _log_epoch(history: list[Epoch], num_epochs: int) -> None:
    last = history[-1]
    mean_s = sum(epoch.seconds for epoch in history) / len(history)
    logger.info(
        "epoch %d of %d: train loss %.4f, accuracy %.3f; validation (products) loss %.4f, accuracy %.3f; "
        "%.0f images/s, %.0f s left at most",
        last.epoch, num_epochs, last.train_loss, last.train_accuracy, last.validation_loss, last.validation_accuracy,
        last.images_per_s, mean_s * (num_epochs - last.epoch),
    )  # fmt: skip
