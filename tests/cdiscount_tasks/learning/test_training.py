import logging

import numpy as np
import pytest

from cdiscount_tasks.config import TrainingConfig
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning import training
from cdiscount_tasks.learning.training import EpochBatches, Examples, product_loss, train

CONFIG = TrainingConfig(network="plain_cnn", image_size=32, epochs=2, batch_size=8)


def examples(num_images=24, num_classes=2, seed=0):
    """Make pictures whose class is their brightest channel; every product has two."""
    random = np.random.default_rng(seed)
    class_index = np.arange(num_images) // 2 % num_classes
    images = random.integers(0, 120, (num_images, 32, 32, 3), dtype=np.uint8)
    images[np.arange(num_images), :, :, class_index] += 100
    return Examples(images, class_index.astype(np.int64), np.arange(num_images) // 2)


def train_small(config=CONFIG, spoil=None):
    from cdiscount_tasks.learning.devices import prepare_device

    device = prepare_device(config.seed)
    from cdiscount_tasks.learning.networks import build_network

    network = build_network(config.network, 32, 2)
    if spoil:
        spoil(network)
    return train(network, examples(), examples(12, seed=1), config, device)


@pytest.fixture(scope="module")
def trained():
    return train_small()


def same_arrays(one, other):
    return [np.array_equal(a, b) for a, b in zip(one.network.get_weights(), other.network.get_weights(), strict=True)]


def test_the_same_seed_gives_the_same_weights(trained):
    assert all(same_arrays(trained, train_small()))


@pytest.fixture
def without_graphs():
    """Run TensorFlow operation by operation: the kernels are the same, and tracing a deep network takes ten seconds."""
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
    probabilities = training.joint_probabilities(
        training.predict_images(trained.network, validation.images, flip=False), validation.product
    )
    loss, _ = product_loss(probabilities, validation.class_index[::2])
    assert loss == pytest.approx(trained.history[trained.best_epoch - 1].validation_loss, abs=1e-5)


def test_training_ends_when_the_validation_loss_no_longer_falls(monkeypatch):
    losses = iter([0.5, 0.4, 0.6, 0.5, 0.1])
    monkeypatch.setattr(training, "product_loss", lambda *_: (next(losses), 0.5))
    found = train_small(CONFIG.model_copy(update={"epochs": 5, "early_stopping_patience": 2}))
    assert ([epoch.validation_loss for epoch in found.history], found.best_epoch) == ([0.5, 0.4, 0.6, 0.5], 2)


def test_each_epoch_is_one_line_in_the_log(caplog):
    with caplog.at_level(logging.INFO, training.__name__):
        train_small()
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
        train_small()


def batches_of(epoch=1, seed=0, batch_size=5):
    batches = EpochBatches(examples(), batch_size, seed, epoch)
    return [batches[number] for number in range(len(batches))]


def test_an_epoch_shows_every_example_once():
    shown = [EpochBatches(examples()._replace(class_index=np.arange(24)), 5, 0, 1)[number][1] for number in range(5)]
    assert sorted(np.concatenate(shown).tolist()) == list(range(24))


def test_batches_are_the_same_for_the_same_seed_and_epoch():
    assert all(
        np.array_equal(a, b)
        for one, other in zip(batches_of(), batches_of(), strict=True)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 1}])
def test_batches_differ_by_epoch_and_seed(other):
    assert not np.array_equal(batches_of()[0][0], batches_of(**other)[0][0])


def test_a_batch_may_be_read_twice_and_in_any_order():
    batches = EpochBatches(examples(), 5, 0, 1)
    backwards = [batches[number][0] for number in reversed(range(5))][::-1]
    assert all(np.array_equal(a, b[0]) for a, b in zip(backwards, batches_of(), strict=True))


def test_augmentation_keeps_the_class_with_its_picture():
    for images, class_index in batches_of():
        assert images.dtype == np.uint8
        assert images.mean(axis=(1, 2)).argmax(axis=1).tolist() == class_index.tolist()


def test_product_loss_is_the_log_loss_and_the_share_of_right_answers():
    loss, accuracy = product_loss(np.array([[0.5, 0.5], [0.25, 0.75]], np.float32), np.array([0, 0]))
    assert (loss, accuracy) == (pytest.approx((np.log(2) + np.log(4)) / 2), 0.5)
