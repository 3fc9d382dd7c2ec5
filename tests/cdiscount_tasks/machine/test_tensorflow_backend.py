import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine import tensorflow_backend
from cdiscount_tasks.machine.device import Found


def test_several_gpus_are_refused_with_what_to_do(tensorflow, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["GPU:0", "GPU:1"])
    with pytest.raises(ConfigError, match=r"gpus is 2, but on TensorFlow .* set gpus: 1 .*, or KERAS_BACKEND=jax"):
        tensorflow_backend.set_up()


def test_xla_compiles_nothing_on_a_cpu_and_is_left_to_keras_on_a_gpu():
    assert tensorflow_backend.use_devices(Found(None, [], 1)) is False
    assert tensorflow_backend.use_devices(Found("NVIDIA H100", [(9, 0)], 1)) == "auto"
