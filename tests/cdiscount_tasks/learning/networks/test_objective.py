import numpy as np
import pytest
from keras import Input, Model, layers, ops

from cdiscount_tasks.learning.networks.objective import compile_network
from cdiscount_tasks.settings.training import TrainingConfig

TUNED = TrainingConfig(network="mobilenet_v2", weights="imagenet", weight_decay=0.0, learning_rate=0.1)


def chain():
    """Return a network of four layers, a weight each."""
    inputs = x = Input((1,))
    for _ in range(4):
        x = layers.Dense(1, use_bias=False)(x)
    return Model(inputs, x)


def test_rates_fall_evenly_from_the_last_weights_to_the_first():
    network = chain()
    compile_network(network, TUNED.model_copy(update={"fine_tune_lowest_rate": 0.008}), 10, jit_compile=False)
    before = np.concatenate(network.get_weights()).ravel()
    network.optimizer.apply([ops.ones((1, 1))] * 4)
    moved = before - np.concatenate(network.get_weights()).ravel()
    assert moved / moved[-1] == pytest.approx([0.008, 0.04, 0.2, 1], rel=1e-2)


@pytest.mark.parametrize("knobs", [{}, {"weights": "none", "fine_tune_lowest_rate": 0.1}])
def test_rates_are_the_same_for_all_weights_otherwise(knobs):
    network = chain()
    compile_network(network, TUNED.model_copy(update=knobs), 10, jit_compile=False)
    assert type(network.optimizer).__name__ == "AdamW"


def test_the_loss_of_a_mixed_picture_is_that_of_both_classes_by_their_shares():
    found = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
    network = Model(inputs := Input((3,)), layers.Activation("linear")(inputs))

    def loss_of(target, mixing):
        compile_network(network, TrainingConfig(label_smoothing=0.1, mixing=mixing), 10, jit_compile=False)
        return float(network.loss(target, found))

    firsts, partners = (loss_of(np.array(classes), "none") for classes in ([0, 2], [1, 1]))
    target = np.array([[0, 1, 0.75], [2, 1, 0.75]], np.float32)
    assert loss_of(target, "mixup") == pytest.approx(0.75 * firsts + 0.25 * partners, rel=1e-5)
