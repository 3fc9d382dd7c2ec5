"""The figures of each epoch for TensorBoard, written by its own package, which is installed where it is wanted."""

from pathlib import Path
from typing import Any, Protocol

_FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "images_per_s")


class Epoch(Protocol):
    """What an epoch achieved."""

    @property
    def epoch(self) -> int:
        """Return its number, from 1."""
        ...


class EpochLogs:
    """Writes a point an epoch for each figure; a training that is continued goes on in the same folder."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, which `environment.check_tensorboard` has let pass."""
        from tensorboard.summary import Writer

        self._writer: Any = Writer(str(folder))

    def __call__(self, epoch: Epoch) -> None:
        """Write an epoch's figures, at once: someone may be watching."""
        for name in _FIGURES:
            self._writer.add_scalar(f"epoch/{name}", float(getattr(epoch, name)), step=epoch.epoch)
        self._writer.flush()
