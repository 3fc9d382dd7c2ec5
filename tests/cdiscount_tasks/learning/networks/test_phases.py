import logging
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from cdiscount_tasks.artifacts.training_folder import want_stop
from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.networks import phases
from cdiscount_tasks.learning.networks.state import Epoch
from cdiscount_tasks.learning.networks.training import Trained
from cdiscount_tasks.settings.training import TrainingConfig

CONFIG = TrainingConfig(network="mobilenet_v2", weights="imagenet", image_size=96, epochs=10, fine_tune_epochs=5)
SPLIT = SimpleNamespace(product=np.arange(100))
DEVICE = SimpleNamespace(name="a CPU", precision="float32", memory_gib=0.0, scope=nullcontext)


@pytest.fixture
def transferred(tmp_path, monkeypatch):
    """Return what trains in two phases, each of as many epochs as told; returns the training and its phases."""
    nothing = SimpleNamespace(name="a network", count_params=lambda: 1_237_357, get_layer=lambda *_: None)
    monkeypatch.setattr(phases, "build_head", lambda *_: nothing)
    monkeypatch.setattr(phases, "build_network", lambda *_: nothing)
    monkeypatch.setattr(phases, "put_head_on", lambda *_: None)
    monkeypatch.setattr(phases, "thaw", lambda *_: 1)

    def transfer(ends_after=None, stopped_in=None, **num_epochs):
        ran = []

        def train(network, shown, judged, config, device, checkpoints, listeners, watch):
            ran.append(watch)
            num = num_epochs[watch.phase]
            history = [Epoch(n, 1.0, 0.5, 1.0 / (n + len(ran)), 0.5, 0.1, 1.0, 1.0, 0) for n in range(1, num + 1)]
            return Trained(network, history, num, 2, watch.phase == stopped_in)

        monkeypatch.setattr(phases, "train", train)
        split = SimpleNamespace(places=[0], product=np.array([0]), pictures=lambda: [0], features=lambda _: [0])
        places = phases.Places(tmp_path, None, ends_after)
        training = phases.Training((split, split), 2, CONFIG, DEVICE, places)
        training.transfer(tmp_path, lambda _: [Vectors(np.zeros((1, 1, 4)))] * 2)
        return training, ran

    return transfer


def test_epochs_are_counted_on_over_both_phases(transferred):
    training, (head, tuning) = transferred(head=8, fine_tune=5)
    assert (head.epochs_before, head.num_epochs, head.is_last_phase) == (0, 15, False)
    assert (tuning.epochs_before, tuning.num_epochs, tuning.is_last_phase) == (8, 13, True)
    assert training.stopped_after_epoch is None
    assert "stopped_after_epoch" not in training.figures()


def test_a_training_that_is_stopped_in_its_classifying_layer_is_not_tuned(transferred):
    training, ran = transferred(head=7, stopped_in="head")
    assert [watch.phase for watch in ran] == ["head"]
    figures = training.figures()
    assert (figures["stopped_after_epoch"], figures["num_epochs_planned"], figures["best_epoch"]) == (7, 15, 7)


def test_a_training_that_is_stopped_while_it_is_tuned_counts_on(transferred):
    figures = transferred(head=8, fine_tune=2, stopped_in="fine_tune")[0].figures()
    assert (figures["stopped_after_epoch"], figures["num_epochs_planned"]) == (10, 13)


def test_a_stop_in_the_last_epoch_of_the_classifying_layer_leaves_the_tuning_out(transferred, tmp_path):
    want_stop(tmp_path)
    training, ran = transferred(head=10)
    assert len(ran) == 1
    assert training.stopped_after_epoch == 10


def test_a_tuning_that_had_begun_is_taken_up_though_it_was_stopped(transferred, tmp_path):
    want_stop(tmp_path)
    (tmp_path / "fine_tune").mkdir()
    (tmp_path / "fine_tune" / "00000000-0.npz").touch()
    assert len(transferred(head=10, fine_tune=2, stopped_in="fine_tune")[1]) == 2


@pytest.mark.parametrize(("ends_after", "num_phases"), [(8, 1), (9, 2)])
def test_a_training_that_was_stopped_once_is_stopped_there_again(transferred, ends_after, num_phases):
    assert len(transferred(ends_after, head=8, fine_tune=1)[1]) == num_phases


@pytest.mark.parametrize(
    ("chosen_by", "harmed"), [("loss", True), ("smoothed_loss", True), ("accuracy", False), ("last", False)]
)
def test_tuning_that_made_the_network_surer_and_better_is_kept_where_accuracy_counts(chosen_by, harmed, tmp_path):
    knobs = CONFIG.model_copy(update={"chosen_epoch": chosen_by})
    training = phases.Training((SPLIT, SPLIT), 2, knobs, DEVICE, phases.Places(tmp_path, None))
    figures = [(0.4, 0.8), (0.5, 0.9)]
    histories = [[Epoch(1, 1.0, 0.5, loss, accuracy, 0.1, 1.0, 1.0, 0)] for loss, accuracy in figures]
    training._phases = [(str(number), Trained(None, one, 1, 2)) for number, one in enumerate(histories)]
    assert training._tuning_harmed() is harmed


@pytest.mark.parametrize(
    ("before", "after", "num_products", "lower"),
    [
        (14 / 16, 13 / 16, 16, False),
        (14 / 16, 2 / 16, 16, True),
        (0.95, 0.93, 400, False),
        (0.95, 0.89, 400, True),
        (0.9, 0.9, 400, False),
        (1.0, 1.0, 400, False),
        (0.8, 0.9, 400, False),
    ],
)
def test_tuning_did_harm_where_accuracy_fell_by_more_than_chance(before, after, num_products, lower):
    assert phases.is_lower_beyond_chance(before, after, num_products) is lower


def test_the_log_of_a_phase_has_thousands_separators(transferred, caplog):
    with caplog.at_level(logging.INFO, phases.__name__):
        transferred(head=8, fine_tune=5)
    assert "head: a network (1,237,357 parameters) on 1 images of 2 classes" in caplog.text
