"""How far a training is: a line now and then within an epoch, and one after each; and when a checkpoint is due."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from cdiscount_tasks.artifacts.training_folder import (
    STOP,
    TrainingProgress,
    is_stop_wanted,
    write_progress,
)
from cdiscount_tasks.learning.networks.batches import Ways
from cdiscount_tasks.learning.networks.state import Epoch, TrainingState
from cdiscount_tasks.settings.training import TrainingConfig

logger = logging.getLogger(__name__)

PROGRESS_S = 30.0
LATER_PROGRESS_S = 120.0
FIRST_S = 3600.0
"""Progress is logged every PROGRESS_S in the first FIRST_S of a training, then every LATER_PROGRESS_S: the log of a day
stays below a megabyte."""

ENOUGH_BATCHES = 20
"""The speed is known from so many batches on, or from the second line: the first batch waits for compiling."""

CHECKPOINT_S = 300.0
"""A state is kept at the end of an epoch, and within one so many seconds after the last."""

LEAST_BETWEEN_S = 2.0
"""No state is kept at the end of an epoch that is less than so long after the last: on a GPU an epoch of 3,000 images
takes a tenth of a second, and writing its state as long."""


class Progress(NamedTuple):
    """How far the running epoch is.

    Attributes:
        epoch: Its number, from 1.
        num_seen: Its images that are learnt from.
        num_images: All of them.
        loss: Their mean loss since this process began or continued the epoch.
        images_per_s: None: not known yet.
        seconds_left: Of the whole training, at most: it may end early. None: not known yet.
    """

    epoch: int
    num_seen: int
    num_images: int
    loss: float
    images_per_s: float | None
    seconds_left: float | None


def _memory_gib() -> float:
    return float(psutil.Process().memory_info().rss / 2**30)


def log_progress(progress: Progress) -> None:
    """Log how far the running epoch is."""
    is_known = progress.seconds_left is not None
    logger.info(
        "epoch %d, image %s of %s: loss %.4f, %s, %.1f GiB of memory",
        progress.epoch, f"{progress.num_seen:,}", f"{progress.num_images:,}", progress.loss,
        f"{progress.images_per_s:,.0f} images/s, {progress.seconds_left:,.0f} s left at most" if is_known
        else "the first batches",
        _memory_gib(),
    )  # fmt: skip


def _work(config: TrainingConfig, first: int, end: int) -> float:
    """Return the work of the epochs after `first` up to `end`, in epochs of whole images."""
    sizes = (Ways.of(config, number + 1).size or config.image_size for number in range(first, end))
    return sum((size / config.image_size) ** 2 for size in sizes)


def seconds_left(history: Sequence[Epoch], config: TrainingConfig) -> float:
    """Return how long a training still takes at most, from the epochs that are over: it may end early."""
    num_over = len(history)
    seconds = sum(epoch.seconds for epoch in history)
    return seconds / _work(config, 0, num_over) * _work(config, num_over, config.epochs)


def log_epoch(history: Sequence[Epoch], config: TrainingConfig) -> None:
    """Log what the last epoch achieved."""
    last = history[-1]
    logger.info(
        "epoch %d of %d: train loss %.4f, accuracy %.1f %%; validation (products) loss %.4f, accuracy %.1f %%; "
        "%s images/s, %s s left at most, %.1f GiB of memory",
        last.epoch, config.epochs, last.train_loss, 100 * last.train_accuracy,
        last.validation_loss, 100 * last.validation_accuracy, f"{last.images_per_s:,.0f}",
        f"{seconds_left(history, config):,.0f}", _memory_gib(),
    )  # fmt: skip


class Watch(NamedTuple):
    """Who watches one phase of a training through files of its folder, and may end it there.

    Attributes:
        training_dir: The training's folder.
        phase: As in history.parquet.
        epochs_before: Epochs of the phases before.
        num_epochs: Of all phases, at most.
        is_last_phase: Whether no other follows.
        ends_after: The epoch, counted over all phases, after which the training ends without being asked, since it was
            stopped by hand there when it was trained first; None: after no such epoch.
    """

    training_dir: Path
    phase: str
    epochs_before: int
    num_epochs: int
    is_last_phase: bool
    ends_after: int | None = None

    @property
    def stop_path(self) -> Path:
        """Return the file that ends the training after its running epoch."""
        return self.training_dir / STOP

    def wants_end(self, num_over: int) -> bool:
        """Tell whether the training ends by hand, now that so many epochs of the phase are over."""
        if self.ends_after is not None:
            return self.epochs_before + num_over >= self.ends_after
        return is_stop_wanted(self.training_dir)

    def note(
        self, history: Sequence[Epoch], best_epoch: int, config: TrainingConfig, running: Progress | None = None
    ) -> None:
        """Note how far the training is, for who watches.

        Args:
            history: The phase's epochs that are over.
            best_epoch: The phase's best one, from 1; 0: none yet.
            config: Of the phase.
            running: How far the running epoch is; None: it has not begun, or nothing is known.
        """
        last, best = history[-1] if history else None, history[best_epoch - 1] if best_epoch else None
        left_s = running.seconds_left if running else None
        if left_s is None and history:
            left_s = seconds_left(history, config)
        write_progress(self.training_dir, TrainingProgress(
            phase=self.phase,
            is_last_phase=self.is_last_phase,
            epoch=self.epochs_before + min(len(history) + 1, config.epochs),
            num_epochs=self.num_epochs,
            num_seen=running.num_seen if running else 0,
            num_images=running.num_images if running else 0,
            last_epoch=last and self.epochs_before + last.epoch,
            last_accuracy=last and last.validation_accuracy,
            best_epoch=best and self.epochs_before + best.epoch,
            best_accuracy=best and best.validation_accuracy,
            seconds_left=left_s,
        ))  # fmt: skip


class Pulse:
    """Within an epoch: holds the state's sums, and says now and then how far it is and that a checkpoint is due."""

    def __init__(
        self,
        state: TrainingState,
        num_images: int,
        config: TrainingConfig,
        keep: Callable[[], None],
        tell: Callable[[Progress], None] = log_progress,
    ) -> None:
        """Begin an epoch, or what is left of it.

        Args:
            state: Changed batch by batch.
            num_images: Of an epoch.
            config: Epochs and batch size.
            keep: Keeps a checkpoint.
            tell: Says now and then how far the epoch is.
        """
        # The figures that are counted are means since it began; the sums of what went before a resume are added.
        self._state, self._before, self._first_step = state, list(state.sums), state.step
        self._num_images, self._config, self._keep, self._tell = num_images, config, keep, tell
        self._started = self._logged = self._kept = time.monotonic()
        self._first_ended, self._first_seen, self._num_logged = self._started, 0, 0

    def count(self, num_steps: int, loss: float, accuracy: float) -> None:
        """Count the steps that are done.

        Args:
            num_steps: Since this process began or continued the epoch.
            loss: Their mean, by example.
            accuracy: Their mean, by example.
        """
        now, state = time.monotonic(), self._state
        state.step = self._first_step + num_steps
        end = min(state.step * self._config.batch_size, self._num_images)
        seen = end - self._first_step * self._config.batch_size
        since = [loss * seen, accuracy * seen, seen, now - self._started]
        state.sums = [before + more for before, more in zip(self._before, since, strict=True)]
        if self._first_seen == 0:
            self._first_ended, self._first_seen = now, seen
        if now - self._logged >= (PROGRESS_S if now - state.started < FIRST_S else LATER_PROGRESS_S):
            self._logged = now
            self._num_logged += 1
            self._tell(self._progress(loss, num_steps, seen, now))
        if now - self._kept >= CHECKPOINT_S and end < self._num_images:
            self._keep()
            self._kept = time.monotonic()

    def _progress(self, loss: float, num_steps: int, seen: int, now: float) -> Progress:
        epoch, end = len(self._state.history) + 1, self._first_step * self._config.batch_size + seen
        timed = seen - self._first_seen  # the first batch waits for compiling: it tells nothing of the speed
        rate = left_s = None
        if timed and (num_steps > ENOUGH_BATCHES or self._num_logged > 1):
            rate = timed / (now - self._first_ended)
            epochs_left = _work(self._config, epoch, self._config.epochs) / _work(self._config, epoch - 1, epoch)
            left_s = ((1 + epochs_left) * self._num_images - end) / rate
        return Progress(epoch, end, self._num_images, loss, rate, left_s)
