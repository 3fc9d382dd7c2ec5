import logging
import re

import pytest

from cdiscount_tasks.learning.networks import progress
from cdiscount_tasks.learning.networks.state import Epoch, TrainingState
from cdiscount_tasks.settings.training import TrainingConfig
from tests.material.small_trainings import CONFIG, train_small


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


@pytest.fixture(scope="module")
def told():
    """Return what is logged of a training of one epoch that tells how far it is after every batch."""
    kept = Kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "PROGRESS_S", 0.0)
        patch.setattr(progress.logger, "level", logging.INFO)
        progress.logger.addHandler(kept)
        train_small(CONFIG.model_copy(update={"epochs": 1}))
        progress.logger.removeHandler(kept)
    return kept.messages


def test_how_far_an_epoch_is_is_told_with_speed_time_and_memory(told):
    line = next(line for line in told if "image 16 of 24" in line)
    assert all(word in line for word in ("epoch 1", "loss", "images/s", "s left at most", "GiB of memory"))


def test_no_time_left_is_told_from_the_first_batch_which_waits_for_compiling(told):
    first, second = [line for line in told if ", image " in line][:2]
    assert "the first batches" in first and "left" not in first
    words = re.search(r"([\d,]+) images/s, ([\d,]+) s left", second).groups()
    rate, left = (float(word.replace(",", "")) for word in words)
    assert left <= (24 - 16) / max(rate, 1) + 1


def test_epochs_of_smaller_images_do_not_shorten_what_is_told_of_whole_ones():
    growing = TrainingConfig(epochs=5, image_size=64, smaller_first=0.4)
    history = [Epoch(number, 1.0, 0.5, 1.0, 0.5, 0.1, 10.0, 2.4, 0) for number in (1, 2)]
    assert progress.seconds_left(history, growing.model_copy(update={"smaller_first": 0.0})) == 30
    assert progress.seconds_left(history, growing) == 120
    assert progress.seconds_left(history[:1], growing) == 130


def test_within_an_epoch_of_smaller_images_the_whole_ones_to_come_count_as_such(monkeypatch):
    monkeypatch.setattr(progress, "PROGRESS_S", 0.0)
    config, told = TrainingConfig(epochs=2, image_size=64, batch_size=8, smaller_first=0.5), []
    pulse = progress.Pulse(TrainingState([]), 24, config, lambda: None, told.append)
    pulse.count(1, 0.5, 0.5)
    pulse.count(2, 0.5, 0.5)
    last = told[-1]
    assert last.seconds_left * last.images_per_s == pytest.approx(24 - 16 + 4 * 24)


JSON_BYTES = 330
"""What Airflow's log adds to a message: time, level, logger, ids of DAG, run and task, file and line."""


def test_the_log_of_a_training_of_a_day_stays_below_a_megabyte(told):
    longest = max(map(len, told)) + 20  # of larger counts
    most_epochs = 2 * 500  # of the classifying layer, then of the network
    num_lines = progress.FIRST_S / progress.PROGRESS_S + (86_400 - progress.FIRST_S) / progress.LATER_PROGRESS_S
    assert (num_lines + most_epochs) * (longest + JSON_BYTES) < 1e6


def test_after_an_hour_progress_is_told_less_often(monkeypatch, caplog):
    monkeypatch.setattr(progress, "PROGRESS_S", 0.0)
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    with caplog.at_level(logging.INFO, progress.__name__):
        train_small(CONFIG.model_copy(update={"epochs": 1}))
    assert not any("image 16 of 24" in record.message for record in caplog.records)


def test_large_counts_have_thousands_separators(caplog):
    with caplog.at_level(logging.INFO, progress.__name__):
        progress.log_progress(progress.Progress(1, 21_530, 1_234_567, 0.5, 1_500.0, 2_000.0))
    assert "image 21,530 of 1,234,567: loss 0.5000, 1,500 images/s, 2,000 s left" in caplog.records[-1].message
