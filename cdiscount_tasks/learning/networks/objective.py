"""What training minimises, and at which rate: loss, optimiser, schedule."""

from functools import partial
from typing import Any, Literal

import keras

from cdiscount_tasks.learning.networks.backend import made_quickly
from cdiscount_tasks.settings.training import TrainingConfig

_WARM_UP_SHARE = 0.1
_LAST_RATE_SHARE = 0.01


class _SmoothedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy against targets that spread a share of themselves over all classes (Szegedy et al., 2016)."""

    def __init__(self, num_classes: int, smoothing: float) -> None:
        super().__init__(name="smoothed_cross_entropy")
        self._num_classes, self._smoothing = num_classes, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example."""
        target = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), self._num_classes)
        return keras.losses.categorical_crossentropy(target, y_pred, label_smoothing=self._smoothing)


class _MixedCrossEntropy(_SmoothedCrossEntropy):
    """The same of pictures of two classes: [batch, 3], class, partner's class, share of the class."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example."""
        of_class, of_partner = (super(_MixedCrossEntropy, self).call(y_true[:, n], y_pred) for n in (0, 1))
        return y_true[:, 2] * of_class + (1 - y_true[:, 2]) * of_partner


def _is_class_right(y_true: Any, y_pred: Any) -> Any:
    return keras.metrics.sparse_categorical_accuracy(y_true[:, 0], y_pred)


class _ByDepth(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW whose rate falls evenly from the last weights down to the first: these know what pictures look like."""

    def __init__(self, lowest: float, *args: Any, **more: Any) -> None:
        super().__init__(*args, name="adamw", **more)
        self._lowest = lowest

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Learn one variable."""
        most = max(len(self._trainable_variables) - 1, 1)
        share = self._lowest ** (1 - self._get_variable_index(variable) / most)
        super().update_step(gradient, variable, learning_rate * share)


class Schedule(keras.optimizers.schedules.CosineDecay):  # type: ignore[misc]
    """A warm-up, then a cosine's decay.

    Attributes:
        given: The rate of a step, where whoever compiles it brings it along: trainings that differ in rates and epochs
            alone then share one program. None: it is computed.
    """

    given: Any = None

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        return super().__call__(step) if self.given is None else self.given


def _schedule(highest: float, num_steps: int) -> Schedule:
    warm_up = max(int(_WARM_UP_SHARE * num_steps), 1)
    return Schedule(
        initial_learning_rate=highest / 100,
        warmup_target=highest,
        warmup_steps=warm_up,
        decay_steps=max(num_steps - warm_up, 1),
        alpha=_LAST_RATE_SHARE,
    )


def compile_network(
    network: keras.Model, config: TrainingConfig, num_steps: int, jit_compile: bool | Literal["auto"]
) -> None:
    """Prepare a network for training: AdamW with warm-up and cosine decay on smoothed cross-entropy.

    Args:
        network: From inputs to probabilities.
        config: Rates and smoothing.
        num_steps: Of the whole training, if it does not end early.
        jit_compile: Whether XLA compiles the step.
    """
    num_classes = network.output_shape[-1]
    loss, accuracy = _SmoothedCrossEntropy, keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    optimizer = keras.optimizers.AdamW
    if config.weights == "imagenet" and config.fine_tune_lowest_rate < 1:
        optimizer = partial(_ByDepth, config.fine_tune_lowest_rate)
    if config.mixing != "none":
        loss, accuracy = _MixedCrossEntropy, keras.metrics.MeanMetricWrapper(_is_class_right, name="accuracy")
    with made_quickly() as made:
        network.compile(
            optimizer=optimizer(_schedule(config.learning_rate, num_steps), weight_decay=config.weight_decay),
            loss=loss(num_classes, config.label_smoothing),
            metrics=[accuracy],
            jit_compile=jit_compile,
        )
        network.optimizer.build(network.trainable_variables)
        made.extend(network.optimizer.variables)
