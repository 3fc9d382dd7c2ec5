"""All tests of this folder load TensorFlow, most of them when they are imported."""

import pytest


def pytest_ignore_collect(config):
    """Import no test of this folder where tests that train are left out: loading TensorFlow takes five seconds."""
    return True if "not training" in config.option.markexpr else None


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.training)


@pytest.fixture(autouse=True)
def every_step_is_told_and_every_epoch_kept(monkeypatch):
    """Of a training of milliseconds, as of one of hours; on JAX as on TensorFlow."""
    import keras

    from cdiscount_tasks.learning.networks import progress

    monkeypatch.setattr(progress, "LEAST_BETWEEN_S", 0.0)
    if keras.backend.backend() == "jax":
        from cdiscount_tasks.learning.networks import jax_learner

        monkeypatch.setattr(jax_learner, "FIGURES_S", 0.0)
