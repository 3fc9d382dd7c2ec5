"""What is beside a training's checkpoints for people: how far it is, and the wish that it ends. Loads nothing heavy.

The folder is `model-<key>.training`, beside the artifact that it becomes. Airflow's API server reads the one and
writes the other, while a worker trains.
"""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypedDict

from cdiscount_tasks.artifacts.bucket import remove_from_bucket
from cdiscount_tasks.artifacts.documents import pull, push_document
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.in_place import put_in_place
from cdiscount_tasks.artifacts.json_files import DAMAGE, write_json
from cdiscount_tasks.artifacts.mirror import bucket_of
from cdiscount_tasks.artifacts.object_store import patience
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import address_of, in_bucket

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
        best_epoch, best_accuracy: The same of the phase's epoch that is kept so far.
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


_STATES = "[0-9]*-*.npz"

_NUMBERS = ("epoch", "num_epochs", "num_seen", "num_images")
_MAY_LACK = ("last_epoch", "last_accuracy", "best_epoch", "best_accuracy", "seconds_left")


def _fault_of(error: Exception) -> str:
    """Say what happened to a bucket or a disk, without advice: nobody has to do anything."""
    return error.fault if isinstance(error, StoreAway) else str(error)


def write_progress(training_dir: Path, progress: TrainingProgress) -> None:
    """Put a training's progress in place in one step; a disk that is full costs this note, not the training."""
    try:
        training_dir.mkdir(parents=True, exist_ok=True)
        with patience(0):
            replace_file(training_dir / PROGRESS, lambda aside: write_json(aside, progress))
    except (OSError, ConfigError) as error:
        logger.warning(
            "%s: how far the training is could not be noted (%s); training continues",
            address_of(training_dir), _fault_of(error),
        )  # fmt: skip


def read_progress(training_dir: Path) -> TrainingProgress | None:
    """Return how far a training is; None: it has not begun, is over, or what is there is no such note."""
    path = training_dir / PROGRESS
    try:
        pull(path)
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
    except (OSError, ConfigError, *DAMAGE):
        return None


def is_stop_wanted(training_dir: Path) -> bool:
    """Tell whether somebody wants the training to end after its running epoch."""
    with _faults_told(training_dir, "whether somebody wants its end is not known"), patience(0):
        pull(training_dir / STOP)
    return (training_dir / STOP).exists()


def is_training(training_dir: Path) -> bool:
    """Tell whether the folder of a training is there: it is not over, or was cut off."""
    if (found := bucket_of(training_dir / PROGRESS)) is not None:
        store, name = found
        return store.head(name) is not None
    return training_dir.is_dir() and not training_dir.is_symlink()


def want_stop(training_dir: Path) -> bool:
    """Let the training end after its running epoch; False: it is over, and its folder is gone."""
    if in_bucket(training_dir) is not None:
        if not is_training(training_dir):
            return False
        training_dir.mkdir(parents=True, exist_ok=True)
        replace_file(training_dir / STOP, Path.touch)
        return True
    try:
        (training_dir / STOP).touch()
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _faults_told(training_dir: Path, what: str) -> Iterator[None]:
    """Let a training continue without what a bucket does not give or take for now."""
    try:
        yield
    except (OSError, ConfigError) as error:
        logger.warning("%s: %s (%s); training continues", training_dir.name, what, _fault_of(error))


def push_states(states_dir: Path) -> None:
    """Let another machine continue a training from its states: those of a mirror go into the bucket.

    A state's name holds its hash. A bucket that does not answer costs this, not the training.

    Args:
        states_dir: A phase's folder in the training's.
    """
    if (found := bucket_of(states_dir)) is None:
        return
    store, folder_name = found
    with _faults_told(states_dir, "its newest state could not be pushed"), patience(0):
        own = {f"{folder_name}/{path.name}": path for path in states_dir.glob(_STATES)}
        there = {each.name for each in store.list(folder_name)}
        for name in sorted(own.keys() - there):
            push_document(own[name])
        store.remove(sorted(there - own.keys()))


def fetch_states(training_dir: Path) -> None:
    """Fetch the states that another machine has left of a training, to continue from them.

    Raises:
        ConfigError: If the bucket cannot be used.
        OSError: If it does not answer for now.
    """
    if (found := bucket_of(training_dir)) is None:
        return
    store, folder_name = found
    for each in store.list(folder_name):
        path = training_dir / each.name.removeprefix(f"{folder_name}/")
        if path.match(_STATES) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(path, partial(store.fetch, each.name, size=each.state.size, e_tag=each.state.e_tag))


def remove_states(training_dir: Path) -> None:
    """Remove the folder of a training that is over, everywhere; what a bucket keeps for now, the clean-up removes."""
    with _faults_told(training_dir, "its states could not be removed from the bucket"):
        remove_from_bucket(training_dir)
    shutil.rmtree(training_dir, ignore_errors=True)
