"""The figures of each epoch for TensorBoard, written by its own package, which is installed where it is wanted.

They are for whoever watches: a disk that is full or away costs the logs, never the training.
"""

import logging
from pathlib import Path
from typing import Any, Protocol

logger = logging.getLogger(__name__)

_FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "images_per_s")


class Epoch(Protocol):
    """What an epoch achieved."""

    @property
    def epoch(self) -> int:
        """Return its number, from 1."""
        ...


class EpochLogs:
    """Writes a point an epoch for each figure; a training that is resumed continues in the same folder."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, which `environment.check_tensorboard` has let pass."""
        from tensorboard.summary import Writer

        self._folder = folder
        self._writer: Any = None
        try:
            self._writer = Writer(str(folder))
        except Exception as error:  # TensorFlow's own classes, or the system's, by how the folder is written to
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._writer = None
        logger.warning("%s: no more logs for TensorBoard (%s); training continues", self._folder, error)

    def __call__(self, epoch: Epoch) -> None:
        """Write an epoch's figures, at once: someone may be watching."""
        if self._writer is None:
            return
        try:
            for name in _FIGURES:
                self._writer.add_scalar(f"epoch/{name}", float(getattr(epoch, name)), step=epoch.epoch)
            self._writer.flush()
        except Exception as error:
            self._give_up(error)
