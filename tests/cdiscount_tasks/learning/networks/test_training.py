import logging
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from cdiscount_tasks.artifacts.training_folder import read_progress, want_stop
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.networks import backend, predict, progress, training
from cdiscount_tasks.learning.networks.batches import Examples
from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
from cdiscount_tasks.learning.networks.predict import predict_images
from cdiscount_tasks.learning.networks.progress import Watch
from cdiscount_tasks.learning.networks.training import product_loss
from cdiscount_tasks.learning.pictures.smaller import scale_down
from tests.material.small_trainings import CONFIG, examples, head_examples, train_small


@pytest.fixture(scope="module")
def trained():
    return train_small()


def plainest():
    """Build a network that is compiled at once, for laws of epochs whose losses the test makes up."""
    from keras import Input, Model, layers

    inputs = Input((32, 32, 3), dtype="uint8")
    mean = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    return Model(inputs, layers.Dense(2, activation="softmax")(mean))


def same_arrays(one, other):
    return [np.array_equal(a, b) for a, b in zip(one.network.get_weights(), other.network.get_weights(), strict=True)]


def test_the_same_seed_gives_the_same_weights(trained):
    assert all(same_arrays(trained, train_small()))


@pytest.fixture
def without_graphs():
    """Run TensorFlow operation by operation: the kernels are the same, and tracing a deep network takes ten seconds."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.filterwarnings("ignore:Even though")
def test_the_same_seed_gives_the_same_weights_of_the_residual_network(without_graphs):
    config = CONFIG.model_copy(update={"network": "small_cnn", "epochs": 1})
    assert all(same_arrays(train_small(config), train_small(config)))


def test_another_seed_gives_other_weights(trained):
    other = train_small(CONFIG.model_copy(update={"seed": 1}))
    assert not all(same_arrays(trained, other))


def test_history_has_a_row_an_epoch(trained):
    assert [epoch.epoch for epoch in trained.history] == [1, 2]


def test_the_best_epoch_has_the_lowest_validation_loss(trained):
    losses = [epoch.validation_loss for epoch in trained.history]
    assert trained.history[trained.best_epoch - 1].validation_loss == min(losses)


def test_the_network_has_the_weights_of_the_best_epoch(trained):
    validation = examples(12, seed=1)
    probabilities = joint_probabilities(
        predict_images(trained.network, validation.inputs, flip=False), validation.product
    )
    true = validation.class_index[::2]
    loss, _ = product_loss(probabilities[np.arange(len(true)), true], probabilities.argmax(axis=1) == true)
    assert loss == pytest.approx(trained.history[trained.best_epoch - 1].validation_loss, abs=1e-5)


@pytest.mark.parametrize("order", [np.arange(12), np.arange(12)[::-1]])
def test_validation_is_judged_block_by_block_as_all_at_once(trained, monkeypatch, order):
    shown = examples(12, seed=1)
    shown = Examples(shown.inputs, shown.class_index, shown.product[order])
    whole = training._Validation(shown).judge(trained.network)
    monkeypatch.setattr(predict, "_STEP", 4)
    monkeypatch.setattr(predict, "_CELLS_AT_ONCE", 0)
    assert training._Validation(shown).judge(trained.network) == pytest.approx(whole, abs=1e-6)
    of_products = joint_probabilities(predict_images(trained.network, shown.inputs, flip=False), shown.product)
    true = np.zeros(6, int)
    true[shown.product] = shown.class_index
    assert whole[1] == (of_products.argmax(axis=1) == true).mean()


def test_training_ends_when_the_validation_loss_no_longer_falls(monkeypatch):
    losses = iter([0.5, 0.4, 0.6, 0.5, 0.1])
    monkeypatch.setattr(training, "product_loss", lambda *_: (next(losses), 0.5))
    found = train_small(CONFIG.model_copy(update={"epochs": 5, "early_stopping_patience": 2}), build=plainest)
    assert ([epoch.validation_loss for epoch in found.history], found.best_epoch) == ([0.5, 0.4, 0.6, 0.5], 2)


def test_an_equal_validation_loss_is_no_better_one(monkeypatch):
    monkeypatch.setattr(training, "product_loss", lambda *_: (0.5, 0.5))
    found = train_small(CONFIG.model_copy(update={"epochs": 5, "early_stopping_patience": 2}), build=plainest)
    assert (len(found.history), found.best_epoch) == (3, 1)


@pytest.mark.parametrize(
    ("chosen_by", "best", "num_epochs"), [("loss", 2, 5), ("smoothed_loss", 4, 6), ("accuracy", 4, 6), ("last", 6, 6)]
)
def test_the_best_epoch_is_the_one_that_the_knob_chooses_by(monkeypatch, chosen_by, best, num_epochs):
    figures = [(0.9, 0.5), (0.3, 0.6), (0.5, 0.9), (0.4, 0.6), (0.5, 0.6), (0.6, 0.6)]
    coming = iter(figures)
    monkeypatch.setattr(training, "product_loss", lambda *_: next(coming))
    knobs = {"epochs": 6, "early_stopping_patience": 3, "chosen_epoch": chosen_by}
    found = train_small(CONFIG.model_copy(update=knobs), build=plainest)
    assert (found.best_epoch, len(found.history)) == (best, num_epochs)


def test_whoever_listens_is_told_each_epoch():
    heard = []
    found = train_small(listeners=[heard.append], build=plainest)
    assert heard == found.history


def test_each_epoch_is_one_line_in_the_log(caplog):
    with caplog.at_level(logging.INFO, progress.__name__):
        train_small(build=plainest)
    lines = [record.message for record in caplog.records if record.message.startswith("epoch ")]
    assert len(lines) == 2
    assert all(
        word in lines[0] for word in ("epoch 1 of 2", "train loss", "validation (products) loss", "images/s", "s left")
    )


def test_a_weight_that_is_not_finite_is_an_error_that_names_the_knob():
    def spoil(network):
        weights = network.get_weights()
        weights[-1][:] = np.nan
        network.set_weights(weights)

    with pytest.raises(DataError, match=r"training diverged in epoch 1: .* is not finite; lower the learning_rate"):
        train_small(spoil=spoil)


def test_a_validation_loss_that_is_not_finite_is_an_error(monkeypatch):
    monkeypatch.setattr(training, "product_loss", lambda *_: (float("nan"), 0.5))
    with pytest.raises(DataError, match="training diverged in epoch 1"):
        train_small(build=plainest)


def test_product_loss_is_the_log_loss_and_the_share_of_right_answers():
    loss, accuracy = product_loss(np.array([0.5, 0.25], np.float32), np.array([True, False]))
    assert (loss, accuracy) == (pytest.approx((np.log(2) + np.log(4)) / 2), 0.5)


def test_a_class_that_train_lacks_is_an_error_that_names_it():
    shown = examples()
    one_class = Examples(shown.inputs, np.zeros(24, np.int64), shown.product)
    with pytest.raises(DataError, match=r"the train split has no image of class_index \[1\], expected every one of 2"):
        train_small(shown=one_class)


def test_a_batch_larger_than_the_split_is_told_and_is_one_step(caplog):
    found = train_small(CONFIG.model_copy(update={"batch_size": 100, "epochs": 1}))
    assert len(found.history) == 1
    assert "batch_size is 100 and there are 24 images: an epoch is a single step" in caplog.text


def test_a_model_that_predicts_one_class_for_everything_is_told(monkeypatch, caplog):
    monkeypatch.setattr(training, "join_blocks", lambda *_: iter([np.tile([[0.9, 0.1]], (6, 1))]))
    assert train_small(build=plainest).num_classes_predicted == 1
    assert "the model predicts one class for every validation product" in caplog.text


def test_class_weights_change_what_is_learnt_where_classes_are_uneven():
    shown = examples()
    uneven = Examples(shown.inputs, np.minimum(np.arange(24) // 18, 1), shown.product)
    plain = train_small(shown=uneven)
    weighted = train_small(CONFIG.model_copy(update={"class_weights": True}), shown=uneven)
    assert not all(same_arrays(plain, weighted))


def test_the_average_is_what_validation_judges_and_what_becomes_the_model(monkeypatch):
    judged = []

    def judge(self, network, judge=training._Validation.judge):
        judged.append(network.get_weights())
        return judge(self, network)

    monkeypatch.setattr(training._Validation, "judge", judge)
    long = CONFIG.model_copy(update={"epochs": 3, "learning_rate": 0.01})
    own, averaged = train_small(long), train_small(long.model_copy(update={"average_weights": 3.0}))
    assert [epoch.train_loss for epoch in averaged.history] == pytest.approx(
        [epoch.train_loss for epoch in own.history], rel=1e-6
    )
    first, before, of_average = judged[0], judged[2], judged[5]
    moved, moved_average = (
        sum(float(np.abs(one - begun).sum()) for one, begun in zip(weights, first, strict=True))
        for weights in (before, of_average)
    )
    assert 0 < moved_average < moved
    best = judged[2 + averaged.best_epoch]
    assert all(np.array_equal(a, b) for a, b in zip(averaged.network.get_weights(), best, strict=True))


class KilledError(Exception):
    """Stands for SIGKILL where a whole process would be too slow."""


@contextmanager
def killed_after(num_steps):
    """Let a training die after so many steps more than none, as a killed process would."""
    left = iter(range(num_steps, -1, -1))

    def count_and_die_in_time(self, num_steps, loss, accuracy, count=progress.Pulse.count):
        count(self, num_steps, loss, accuracy)
        if not next(left):
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress.Pulse, "count", count_and_die_in_time)
        yield


# Flips, shifts and early stopping at work; 24 images in batches of 5 are 5 steps an epoch.
SURVIVOR = CONFIG.model_copy(update={"epochs": 3, "batch_size": 5})


def forgetful(size=32):
    """Build a network with all that has a state: batch statistics, and dropout in two places."""
    from keras import Input, Model, layers

    inputs = Input((size, size, 3), dtype="uint8")
    x = layers.Conv2D(8, 3, strides=4)(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dropout(0.2)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return Model(inputs, layers.Dense(2, activation="softmax")(x))


def train_survivor(config=SURVIVOR, **more):
    return train_small(config, build=forgetful, **more)


@pytest.fixture(scope="module")
def undisturbed():
    return train_survivor()


@pytest.mark.parametrize("checkpoint_s", [0.0, 1000.0], ids=["at every step", "at the end of epochs"])
@pytest.mark.parametrize("at_step", [2, 7])
def test_a_training_that_died_ends_with_the_weights_of_the_undisturbed_one(
    undisturbed, tmp_path, monkeypatch, checkpoint_s, at_step
):
    monkeypatch.setattr(progress, "CHECKPOINT_S", checkpoint_s)
    with pytest.raises(KilledError), killed_after(at_step):
        train_survivor(checkpoints=Checkpoints(tmp_path, "k"))
    found = train_survivor(checkpoints=Checkpoints(tmp_path, "k"))
    assert all(same_arrays(undisturbed, found))
    losses = [[epoch.train_loss for epoch in one.history] for one in (undisturbed, found)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert sum(epoch.num_resumes for epoch in found.history) == (1 if checkpoint_s == 0 or at_step > 5 else 0)


WAYS = {
    "crops": {"augmentation": "crops"},
    "averages": {"average_weights": 0.5, "chosen_epoch": "last"},
    "rates by depth": {"network": "mobilenet_v2", "weights": "imagenet", "fine_tune_lowest_rate": 0.1},
    "mixup": {"mixing": "mixup"},
    "cutmix of all classes alike": {"mixing": "cutmix", "class_weights": True},
    "all classes as often": {"class_balance": 1.0},
}
"""Ways to train that are none of the defaults: each obeys the laws of seeds and of kills."""


@pytest.mark.parametrize("way", WAYS)
def test_a_training_in_each_way_is_its_seeds_and_survives_its_death(undisturbed, tmp_path, monkeypatch, way):
    monkeypatch.setattr(progress, "CHECKPOINT_S", 0.0)
    config = SURVIVOR.model_copy(update=WAYS[way])
    whole = train_survivor(config)
    assert not all(same_arrays(undisturbed, whole))
    with pytest.raises(KilledError), killed_after(7):
        train_survivor(config, checkpoints=Checkpoints(tmp_path, "k"))
    assert all(same_arrays(whole, train_survivor(config, checkpoints=Checkpoints(tmp_path, "k"))))


def train_growing(share, **more):
    shown, judged = examples(size=64), examples(12, seed=1, size=64)
    config = SURVIVOR.model_copy(update={"image_size": 64, "smaller_first": share, "mixing": "cutmix"})
    return train_small(config, build=lambda: forgetful(64), shown=shown, judged=judged, **more)


@pytest.mark.parametrize("share", [0.7, 0.4], ids=["killed while it sees smaller images", "killed after it"])
def test_a_growing_training_survives_its_death(tmp_path, monkeypatch, share):
    monkeypatch.setattr(progress, "CHECKPOINT_S", 0.0)
    whole = train_growing(share)
    assert not all(same_arrays(whole, train_growing(0.0)))
    with pytest.raises(KilledError), killed_after(7):
        train_growing(share, checkpoints=Checkpoints(tmp_path, "k"))
    assert all(same_arrays(whole, train_growing(share, checkpoints=Checkpoints(tmp_path, "k"))))


def test_a_growing_training_learns_from_the_sizes_of_its_epochs_and_is_judged_by_whole_images(monkeypatch):
    seen = []

    def note(pictures, size, of, scale_down=scale_down):
        found = scale_down(pictures, size, of)
        seen.append(found.shape[1])
        return found

    monkeypatch.setattr(sys.modules[backend._module().Learner.__module__], "scale_down", note)
    found = train_growing(0.7)
    assert set(seen) == {32}
    assert found.network.input_shape == (None, 64, 64, 3)
    with pytest.raises(ValueError, match=r"expected shape=.*64, 64, 3"):
        found.network(np.zeros((1, 32, 32, 3), np.uint8))


def train_head(folder=None, **more):
    from cdiscount_tasks.learning.networks.build import build_head

    shown, judged = (head_examples(num_images, folder) for num_images in (24, 12))
    return train_small(SURVIVOR, build=lambda: build_head(16, 2), shown=shown, judged=judged, **more)


def test_a_head_that_died_ends_with_the_same_weights_from_memory_and_from_a_file(tmp_path, monkeypatch):
    in_memory = train_head()
    assert all(same_arrays(in_memory, train_head(tmp_path)))
    monkeypatch.setattr(progress, "CHECKPOINT_S", 0.0)
    with pytest.raises(KilledError), killed_after(7):
        train_head(tmp_path, checkpoints=Checkpoints(tmp_path, "k"))
    assert all(same_arrays(in_memory, train_head(tmp_path, checkpoints=Checkpoints(tmp_path, "k"))))


def test_a_training_whose_epochs_are_over_is_not_trained_again(undisturbed, tmp_path):
    train_survivor(checkpoints=Checkpoints(tmp_path, "k"))
    with killed_after(0):
        again = train_survivor(checkpoints=Checkpoints(tmp_path, "k"))
    assert all(same_arrays(undisturbed, again))


def test_a_checkpoint_of_another_training_is_not_resumed(undisturbed, tmp_path):
    train_survivor(SURVIVOR.model_copy(update={"seed": 5}), checkpoints=Checkpoints(tmp_path, "another"))
    assert all(same_arrays(undisturbed, train_survivor(checkpoints=Checkpoints(tmp_path, "k"))))


def watch(folder, **more):
    return Watch(folder, "train", epochs_before=0, num_epochs=3, is_last_phase=True, **more)


def stop_in_epoch(folder, number):
    """Return a listener that stands for a person who wants the training to end while an epoch runs."""
    return lambda epoch: epoch.epoch == number and want_stop(folder)


def test_a_stopped_training_ends_after_the_running_epoch_with_the_best_weights_so_far(undisturbed, tmp_path, caplog):
    caplog.set_level(logging.INFO, training.__name__)
    found = train_survivor(watch=watch(tmp_path), listeners=[stop_in_epoch(tmp_path, 2)])
    same = train_survivor(watch=watch(tmp_path / "other", ends_after=2))
    assert found.by_hand and len(found.history) == 2
    assert [one.validation_loss for one in found.history] == [one.validation_loss for one in undisturbed.history[:2]]
    assert found.history[found.best_epoch - 1].validation_loss == min(one.validation_loss for one in found.history)
    assert "it was stopped by hand: training ends" in caplog.text
    assert same.by_hand and all(same_arrays(found, same))


def test_a_training_that_died_after_it_was_stopped_ends_at_the_same_epoch(tmp_path):
    kept = Checkpoints(tmp_path / "train", "k")
    found = train_survivor(watch=watch(tmp_path), listeners=[stop_in_epoch(tmp_path, 2)], checkpoints=kept)
    with killed_after(0):  # not one step more
        again = train_survivor(watch=watch(tmp_path), checkpoints=kept)
    assert again.by_hand and len(again.history) == 2
    assert all(same_arrays(found, again))


def test_an_epoch_that_was_cut_off_is_trained_to_its_end_before_a_stop_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "CHECKPOINT_S", 0.0)
    kept = Checkpoints(tmp_path / "train", "k")
    with pytest.raises(KilledError), killed_after(7):
        train_survivor(watch=watch(tmp_path), checkpoints=kept)
    want_stop(tmp_path)
    again = train_survivor(watch=watch(tmp_path), checkpoints=kept)
    assert again.by_hand and len(again.history) == 2


def test_a_stop_in_the_last_epoch_shortens_nothing(tmp_path):
    found = train_small(watch=watch(tmp_path), listeners=[stop_in_epoch(tmp_path, 2)])
    assert len(found.history) == 2 and not found.by_hand


def test_who_watches_reads_the_epoch_and_the_accuracies_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "PROGRESS_S", 0.0)
    seen = []

    def write_and_look(folder, noted, write=progress.write_progress):
        write(folder, noted)
        seen.append(read_progress(folder))

    monkeypatch.setattr(progress, "write_progress", write_and_look)
    found = train_small(CONFIG.model_copy(update={"epochs": 3}), watch=watch(tmp_path))
    first, last = seen[0], seen[-1]
    assert (first["epoch"], first["num_epochs"], first["last_accuracy"], first["seconds_left"]) == (1, 3, None, None)
    assert any((one["epoch"], one["num_seen"], one["num_images"]) == (2, 16, 24) for one in seen)
    assert (last["epoch"], last["last_epoch"], last["seconds_left"]) == (3, 3, 0)
    best = found.history[found.best_epoch - 1]
    assert (last["best_epoch"], last["best_accuracy"]) == (best.epoch, best.validation_accuracy)
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
