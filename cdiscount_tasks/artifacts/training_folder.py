"""What is beside a training's checkpoints for people: how far it is, and the wish that it ends. Loads nothing heavy.

The folder is `model-<key>.training`, beside the artifact that it becomes. Airflow's API server reads the one and
writes the other, while a worker trains.
"""

import json
import logging
from pathlib import Path
from typing import TypedDict

from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import DAMAGE, write_json

logger = logging.getLogger(__name__)

PROGRESS = "progress.json"
STOP = "stop"
_MOST_BYTES = 64 * 1024


class TrainingProgress(TypedDict):
    """How far a training is. Epochs are counted over all phases, as in history.parquet.

    Attributes:
        phase: What learns now, as in history.parquet.
        is_last_phase: Whether no other follows.
        epoch: The running one; the last one when none is left.
        num_epochs: Of all phases, at most: a phase may end early.
        num_seen, num_images: Of the running epoch: images that are learnt from, and all.
        last_epoch, last_accuracy: The phase's last epoch that is over, its accuracy over validation products; None: no
            epoch of the phase is over.
        best_epoch, best_accuracy: The same of the phase's epoch with the lowest validation loss.
        seconds_left: Of this phase, at most; None: not known yet.
    """

    phase: str
    is_last_phase: bool
    epoch: int
    num_epochs: int
    num_seen: int
    num_images: int
    last_epoch: int | None
    last_accuracy: float | None
    best_epoch: int | None
    best_accuracy: float | None
    seconds_left: float | None


_NUMBERS = ("epoch", "num_epochs", "num_seen", "num_images")
_MAY_LACK = ("last_epoch", "last_accuracy", "best_epoch", "best_accuracy", "seconds_left")


def write_progress(training_dir: Path, progress: TrainingProgress) -> None:
    """Put a training's progress in place in one step; a disk that is full costs this note, not the training."""
    try:
        training_dir.mkdir(parents=True, exist_ok=True)
        replace_file(training_dir / PROGRESS, lambda aside: write_json(aside, progress))
    except OSError as error:
        logger.warning("%s: how far the training is could not be noted (%s); training continues", training_dir, error)


def read_progress(training_dir: Path) -> TrainingProgress | None:
    """Return how far a training is; None: it has not begun, is over, or what is there is no such note."""
    path = training_dir / PROGRESS
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        fits = (
            isinstance(found["phase"], str)
            and isinstance(found["is_last_phase"], bool)
            and all(isinstance(found[name], int) for name in _NUMBERS)
            and all(found[name] is None or isinstance(found[name], int | float) for name in _MAY_LACK)
        )
        return TrainingProgress(**{name: found[name] for name in TrainingProgress.__annotations__}) if fits else None  # type: ignore[typeddict-item]
    except (OSError, *DAMAGE):
        return None


def is_stop_wanted(training_dir: Path) -> bool:
    """Tell whether somebody wants the training to end after its running epoch."""
    return (training_dir / STOP).exists()


def want_stop(training_dir: Path) -> bool:
    """Let the training end after its running epoch; False: it is over, and its folder is gone."""
    try:
        (training_dir / STOP).touch()
    except FileNotFoundError:
        return False
    return True
