"""One training of a model, in one phase or two: from scratch, or a classifying layer first and then the network."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cdiscount_tasks.artifacts.training_folder import is_stop_wanted
from cdiscount_tasks.learning.features.vectors import HeldVectors
from cdiscount_tasks.learning.networks.batches import Examples
from cdiscount_tasks.learning.networks.build import build_head, build_network, put_head_on, thaw, wake
from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
from cdiscount_tasks.learning.networks.loading import load_network
from cdiscount_tasks.learning.networks.progress import Watch
from cdiscount_tasks.learning.networks.state import Epoch
from cdiscount_tasks.learning.networks.training import Trained, train
from cdiscount_tasks.learning.pictures.inputs import Inputs
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.machine.tensorboard import EpochLogs
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.vocabulary import FINE_TUNE, FROM_SCRATCH, HEAD

logger = logging.getLogger(__name__)

HoldFeatures = Callable[[Sequence[np.ndarray]], Sequence[HeldVectors]]
"""Holds, by split, the features of the images at some places: int64, [num_images], ascending."""


_HEAD_LEARNS = {
    "augmentation": "shifts", "mixing": "none", "average_weights": 0.0, "fine_tune_lowest_rate": 1.0,
    "chosen_epoch": "loss", "smaller_first": 0.0,
}  # fmt: skip
"""Features are of whole pictures, one by one; and a single layer needs no more."""


class SplitImages(NamedTuple):
    """A split's images: what is learnt from for train, every readable image with its given class for the others.

    Attributes:
        places: int64, [num_images], ascending, among all images of the labels, which are those of the features.
        class_index: int64, [num_images].
        product: int64, [num_images], each in [0, num_products): which product an image belongs to.
        hold: Decodes the pictures and holds them, row for row.
    """

    places: np.ndarray
    class_index: np.ndarray
    product: np.ndarray
    hold: Callable[[], Inputs]

    def pictures(self) -> Examples:
        """Return the images as the network sees them."""
        return Examples(self.hold(), self.class_index, self.product)

    def features(self, vectors: HeldVectors) -> Examples:
        """Return what a frozen network sees in the images; `vectors` are held row for row."""
        return Examples(vectors, self.class_index, self.product)


class Places(NamedTuple):
    """Where a training leaves something beside its model, and where it is stopped.

    Attributes:
        training_dir: For its checkpoints; its name tells one model from another.
        tensorboard_dir: For TensorBoard's logs; None: nowhere.
        ends_after: The epoch after which it was stopped when it ran first; None: it ends by itself, or when stopped.
        listen: Told each epoch that is over, with its phase; what it raises ends the training. None: nobody is told.
    """

    training_dir: Path
    tensorboard_dir: Path | None
    ends_after: int | None = None
    listen: Callable[[str, Epoch], None] | None = None

    def is_stopped_before(self, phase: str, num_epochs: int) -> bool:
        """Tell whether a phase that has not begun is left out, now that so many epochs are over."""
        if self.ends_after is not None:
            return num_epochs >= self.ends_after
        return is_stop_wanted(self.training_dir) and not any((self.training_dir / phase).glob("*.npz"))

    def checkpoints(self, phase: str, device: Device) -> Checkpoints:
        """Return where the states of a phase are kept."""
        # Other precisions keep other states; `auto` may mean a different one on the machine that continues.
        name = f"{self.training_dir.stem} {phase} {device.precision}"
        return Checkpoints(self.training_dir / phase, name)

    def listeners(self, phase: str) -> list[Callable[[Epoch], None]]:
        """Return what is told of each epoch of a phase."""
        logs = [EpochLogs(self.tensorboard_dir / self.training_dir.stem / phase)] if self.tensorboard_dir else []
        return [*logs, *([partial(self.listen, phase)] if self.listen else [])]


class Training:
    """One training of a model: what it learns from, and what its phases achieved."""

    def __init__(
        self,
        splits: tuple[SplitImages, SplitImages],
        num_classes: int,
        config: TrainingConfig,
        device: Device,
        places: Places,
    ) -> None:
        """Take the images of train and of validation."""
        self._splits, self._num_classes = splits, num_classes
        self._config, self._device, self._places = config, device, places
        self._phases: list[tuple[str, Trained]] = []
        self._kept = -1  # the phase whose network is published
        self._left_out = False  # whether a phase was left out by hand
        self._num_planned = 0  # epochs of all phases, at most

    def _learn(self, phase: str, network: keras.Model, examples: Sequence[Examples], config: TrainingConfig) -> None:
        train_examples, validation_examples = examples
        logger.info(
            "%s: %s (%s parameters) on %s images of %s classes, %s images to validate, on %s",
            phase, network.name,
            *(f"{num:,}" for num in (network.count_params(), len(train_examples), self._num_classes,
                                     len(validation_examples))),
            self._device.name,
        )  # fmt: skip
        checkpoints = self._places.checkpoints(phase, self._device)
        listeners = self._places.listeners(phase)
        watch = self._watch(phase, config)
        self._num_planned = watch.num_epochs
        logger.info("to end it after a running epoch, make the file %s", watch.stop_path)
        trained = train(
            network, train_examples, validation_examples, config, self._device, checkpoints, listeners, watch
        )
        self._phases.append((phase, trained))

    def _watch(self, phase: str, config: TrainingConfig) -> Watch:
        later = self._config.fine_tune_epochs if phase == HEAD else 0
        num_epochs = self._num_over + config.epochs + later
        places = self._places
        return Watch(places.training_dir, phase, self._num_over, num_epochs, not later, places.ends_after)

    @property
    def _num_over(self) -> int:
        return sum(len(trained.history) for _, trained in self._phases)

    @property
    def stopped_after_epoch(self) -> int | None:
        """Return the epoch, counted over all phases, after which it was stopped by hand; None: it ended by itself."""
        by_hand = self._left_out or any(trained.by_hand for _, trained in self._phases)
        return self._num_over if by_hand else None

    def from_scratch(self) -> keras.Model:
        """Train a network that knows nothing yet."""
        network = self._build()
        self._learn(FROM_SCRATCH, network, [split.pictures() for split in self._splits], self._config)
        return network

    def _build(self, weights_path: Path | None = None) -> keras.Model:
        config = self._config
        return build_network(config.network, config.image_size, self._num_classes, weights_path, config.dropout)

    def go_on_from(self, path: Path, contract: Mapping[str, Any]) -> keras.Model:
        """Train all of a network that was published before, from its weights on.

        Args:
            path: Its file.
            contract: input.json beside it.
        """
        network = load_network(path, contract)
        wake(network, pretrained=contract["weights"] is not None)
        self._learn(FROM_SCRATCH, network, [split.pictures() for split in self._splits], self._config)
        return network

    def transfer(self, weights_path: Path, hold_features: HoldFeatures) -> keras.Model:
        """Train a classifying layer on frozen features, and then, where epochs are given for it, the network itself.

        Args:
            weights_path: ImageNet weights of the network.
            hold_features: Reads and holds the features of some images, which are let go before the network is tuned.
        """
        head = self._learn_head(hold_features)
        # A continued training does not learn the head again: what it drew by then must not decide what is drawn next.
        keras.utils.set_random_seed(self._config.seed)
        build = partial(self._build_with, head, weights_path)
        network = build()
        if self._config.fine_tune_epochs and not self._ends_before_tuning():
            self._tune(network)
            if self._tuning_harmed():
                self._kept = 0
                network = build()
        return network

    def _ends_before_tuning(self) -> bool:
        if self.stopped_after_epoch is None:
            self._left_out = self._places.is_stopped_before(FINE_TUNE, self._num_over)
            if self._left_out:
                logger.info("it was stopped by hand: the network is not tuned")
        return self.stopped_after_epoch is not None

    def _learn_head(self, hold_features: HoldFeatures) -> keras.Model:
        held = hold_features([split.places for split in self._splits])
        head = build_head(held[0].num_features, self._num_classes, self._config.dropout)
        examples = [split.features(vectors) for split, vectors in zip(self._splits, held, strict=True)]
        self._learn(HEAD, head, examples, self._config.model_copy(update=_HEAD_LEARNS))
        return head

    def _build_with(self, head: keras.Model, weights_path: Path) -> keras.Model:
        """Return the pretrained network with a classifying layer on it."""
        network = self._build(weights_path)
        put_head_on(network, head)
        return network

    def _tune(self, network: keras.Model) -> None:
        logger.info("%d layers of the backbone are tuned", thaw(network, self._config.fine_tune_share))
        tuning = {"epochs": self._config.fine_tune_epochs, "learning_rate": self._config.fine_tune_learning_rate}
        pictures = [split.pictures() for split in self._splits]
        self._learn(FINE_TUNE, network, pictures, self._config.model_copy(update=tuning))

    def _tuning_harmed(self) -> bool:
        before, after = (_best(trained) for _, trained in self._phases)
        judged, harmed = "raised the validation loss", after.validation_loss > before.validation_loss
        told = before.validation_loss, after.validation_loss
        # A network that is surer of its mistakes may be better.
        if self._config.epoch_chosen_by in ("accuracy", "last"):
            told = before.validation_accuracy, after.validation_accuracy
            num_products = len(np.unique(self._splits[1].product))
            judged, harmed = "lowered the validation accuracy", is_lower_beyond_chance(*told, num_products)
        if harmed:
            logger.warning(
                "tuning %s from %.4f to %.4f: the frozen network with its classifying "
                "layer is kept; lower fine_tune_learning_rate, or give it more epochs",
                judged, *told,
            )  # fmt: skip
        return harmed

    def history(self) -> dict[str, list[Any]]:
        """Return the columns of history.parquet: the epochs of all phases, counted on."""
        rows = [(phase, epoch) for phase, trained in self._phases for epoch in trained.history]
        columns = {name: [getattr(epoch, name) for _, epoch in rows] for name in Epoch._fields}
        return {**columns, "phase": [phase for phase, _ in rows], "epoch": list(range(1, len(rows) + 1))}

    def figures(self) -> dict[str, Any]:
        """Return what the model's result says of the training."""
        _, kept = self._phases[self._kept]
        epochs_of = [trained.history for _, trained in self._phases]
        return {
            **self._stopped(),
            **self._waited(),
            "num_train_images": len(self._splits[0].places),
            "num_epochs": sum(map(len, epochs_of)),
            "best_epoch": sum(map(len, epochs_of[: self._kept])) + kept.best_epoch,
            "validation_loss": _best(kept).validation_loss,
            "validation_accuracy": _best(kept).validation_accuracy,
            "num_classes_predicted": kept.num_classes_predicted,
            "images_per_s": round(float(np.median([epoch.images_per_s for epoch in epochs_of[-1]])), 1),
            "num_resumes": sum(epoch.num_resumes for epochs in epochs_of for epoch in epochs),
            "device": self._device.name,
            "device_memory_gib": self._device.memory_gib,
            "precision": self._device.precision,
        }

    def _waited(self) -> dict[str, float]:
        """Return how long the last phase waited for its input; nothing where that is not known."""
        share = self._phases[-1][1].input_wait_share
        return {} if share is None else {"input_wait_share": round(share, 4)}

    def _stopped(self) -> dict[str, int]:
        """Return where it was stopped by hand and how many epochs it would have had; nothing if it ended by itself."""
        if self.stopped_after_epoch is None:
            return {}
        return {"stopped_after_epoch": self.stopped_after_epoch, "num_epochs_planned": self._num_planned}


def is_lower_beyond_chance(before: float, after: float, num_products: int) -> bool:
    """Tell whether the second of two accuracies over the same products is lower than chance may make it.

    By two standard errors of their difference, at the widest: that of networks that share no mistake. With twenty
    products to validate one or two fewer are no evidence, and tuning is known to help.
    """
    return before - after > 2 * math.sqrt((2 - before - after) / num_products)


def _best(trained: Trained) -> Epoch:
    return trained.history[trained.best_epoch - 1]
