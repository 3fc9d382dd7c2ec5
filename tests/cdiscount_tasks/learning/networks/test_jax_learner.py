"""On JAX alone: tests/laws/test_on_jax.py runs these, with the laws of training, in a process with that backend."""

import keras
import numpy as np
import pytest

from tests.material.small_trainings import CONFIG, examples, train_small

if keras.backend.backend() != "jax":
    pytest.skip("needs KERAS_BACKEND=jax", allow_module_level=True)

from cdiscount_tasks.learning.networks import jax_arrays, jax_learner
from cdiscount_tasks.learning.networks.averaging import Average
from cdiscount_tasks.learning.networks.build import build_network, of_any_size
from cdiscount_tasks.learning.networks.objective import compile_network
from cdiscount_tasks.learning.networks.state import TrainingState
from cdiscount_tasks.machine.device import Device, prepare_device

GPU = Device("GPU, 1 x made up", jit_compile=True)


class Heard:
    """Notes what a pulse is told."""

    def __init__(self):
        self.told = []

    def count(self, num_steps, loss, accuracy):
        self.told.append((num_steps, loss, accuracy))


def learn(device, config, most_steps=None, shown=None, network="plain_cnn", size=32):
    """Return the weights after an epoch, and what was told meanwhile."""
    prepare_device(0)
    network = build_network(network, size, 2)
    compile_network(network, config, 100, jit_compile=True)
    learner = jax_learner.Learner(network, Average(network, 0), shown or examples(size=size), config, device)
    if most_steps:
        learner._most_steps = most_steps
    heard = Heard()
    with of_any_size(network):
        learner.learn(TrainingState([]), heard)
    return network.get_weights(), heard.told, learner


SMALLER = {"network": "small_cnn", "image_size": 64, "smaller_first": 0.5, "class_balance": 1.0}


@pytest.mark.parametrize(
    ("way", "of", "nearly"),  # AdamW makes much of what a deeper network rounds
    [({}, {}, 1e-6), (SMALLER, {"network": "small_cnn", "size": 64}, 2e-5)],
    ids=str,
)
def test_many_steps_a_call_learn_what_single_ones_learn(way, of, nearly):
    config = CONFIG.model_copy(update={"batch_size": 5, **way})
    one_by_one, told, _ = learn(GPU, config, **of)
    together, told_together, _ = learn(GPU, config, most_steps=4, **of)
    assert [num_steps for num_steps, _, _ in told] == [1, 2, 3, 4, 5]
    assert [num_steps for num_steps, _, _ in told_together] == [1, 3, 5]
    assert told_together[-1][1:] == pytest.approx(told[-1][1:], rel=1e-5)
    for one, other in zip(one_by_one, together, strict=True):
        np.testing.assert_allclose(one, other, atol=nearly)


def test_a_long_training_on_a_gpu_takes_many_steps_a_call():
    long = CONFIG.model_copy(update={"epochs": 500, "batch_size": 1})
    assert [learn(GPU, config)[2]._most_steps for config in (CONFIG, long)] == [1, 256]


@pytest.mark.parametrize(
    ("way", "of"),
    [
        ({}, {}),
        ({"augmentation": "crops", "mixing": "cutmix"}, {}),
        ({**SMALLER, "mixing": "cutmix"}, {"network": "small_cnn", "size": 64}),
    ],
    ids=str,
)
def test_pictures_that_do_not_fit_are_brought_batch_by_batch_and_learnt_from_alike(monkeypatch, way, of):
    config = CONFIG.model_copy(update={"batch_size": 5, **way})
    on_device, told, learner = learn(GPU, config, **of)
    monkeypatch.setattr(jax_arrays, "SHARE_OF_MEMORY", 0.0)
    brought, told_brought, bringing = learn(GPU, config, **of)
    assert (learner.input_wait_share, bringing.input_wait_share > 0) == (0, True)
    assert told_brought == told
    for one, other in zip(on_device, brought, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_the_making_of_a_batch_raises_is_raised_where_it_is_learnt_from(monkeypatch):
    shown = examples()

    def cannot(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(jax_arrays, "SHARE_OF_MEMORY", 0.0)
    monkeypatch.setattr(shown.inputs, "take", cannot)
    with pytest.raises(OSError, match="the disk is gone"):
        learn(GPU, CONFIG, shown=shown)


def test_what_fills_the_last_batch_up_weighs_nothing():
    config = CONFIG.model_copy(update={"batch_size": 7})
    _, told, learner = learn(GPU, config)
    epoch = learner.deal_out(1)
    assert (epoch.rows.shape, epoch.is_real.sum()) == ((4, 7), 24)
    assert sorted(epoch.rows[epoch.is_real]) == list(range(24))
    assert (epoch.weight[~epoch.is_real] == 0).all()
    assert epoch.weight.mean(axis=1) == pytest.approx([1, 1, 1, 1])
    assert told[-1][0] == 4


def test_a_step_is_compiled_once():
    _, _, learner = learn(GPU, CONFIG)
    assert learner.step._cache_size() == 1


def program_of(**knobs):
    """Return the program of a step as it is handed to the compiler."""
    config = CONFIG.model_copy(update=knobs)
    _, _, learner = learn(GPU, config)
    batch = jax_learner.batch_of(learner.deal_out(1), 0)
    seen = np.zeros((config.batch_size, 32, 32, 3), np.uint8)
    return learner.step.lower(learner.take_state(), seen, batch).as_text()


def test_trainings_that_differ_in_rates_epochs_or_what_is_drawn_share_a_program():
    plain, mixed = program_of(), program_of(mixing="mixup")
    assert program_of(epochs=7, learning_rate=0.1, augmentation="crops", seed=3) == plain
    assert program_of(mixing="cutmix", mixing_share=0.9) == mixed
    assert mixed != plain


def test_figures_that_are_read_seldom_are_those_of_all_steps(monkeypatch):
    often = learn(GPU, CONFIG)[1]
    monkeypatch.setattr(jax_learner, "FIGURES_S", 1e9)
    seldom = learn(GPU, CONFIG)[1]
    assert [num_steps for num_steps, _, _ in seldom] == [1, 3]
    assert seldom[-1][1:] == pytest.approx(often[-1][1:], rel=1e-6)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_learns(precision):
    keras.config.set_dtype_policy(precision)
    try:
        network = build_network("plain_cnn", 32, 2)
        compile_network(network, CONFIG, 100, jit_compile=True)
        before = network.get_weights()
        learner = jax_learner.Learner(network, Average(network, 0), examples(), CONFIG, GPU)
        heard = Heard()
        learner.learn(TrainingState([]), heard)
        after = network.get_weights()
    finally:
        keras.config.set_dtype_policy("float32")
    moved = max(float(np.abs(one - other).max()) for one, other in zip(before, after, strict=True))
    assert 1e-5 < moved < 0.1
    assert np.isfinite(heard.told[-1][1])


def test_first_weights_are_a_function_of_the_seed():
    def first_loss(seed):
        return train_small(CONFIG.model_copy(update={"epochs": 1, "seed": seed})).history[0].train_loss

    assert first_loss(0) == first_loss(0)
    assert first_loss(0) != first_loss(1)
