import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine import device as devices
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.training import TrainingConfig

ENVIRON = {**os.environ, "PYTHONPATH": str(PROJECT_DIR), "CUDA_VISIBLE_DEVICES": ""}
SAYS = """
    import logging, sys
    from cdiscount_tasks.machine import device

    class Listens(logging.Handler):
        def emit(self, record):
            print(record.getMessage(), "tensorflow" in sys.modules, "jax" in sys.modules, sep="|")

    device.logger.addHandler(Listens())
    device.logger.setLevel("INFO")
    device.prepare_device(0)
    device.prepare_device(0)
"""


def run_with(backend, code, *arguments, **environ):
    """Run some code in a process of its own, on a backend; returns what it prints."""
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**ENVIRON, "KERAS_BACKEND": backend, **environ}
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout.splitlines()


@pytest.mark.training
def test_that_a_backend_is_loaded_is_told_before_it_takes_its_seconds():
    said = run_with("tensorflow", SAYS)
    assert [line for line in said if "loading" in line] == ["loading TensorFlow (some seconds)|False|False"]


@pytest.mark.training
def test_on_jax_nothing_loads_tensorflow():
    """Which takes ten seconds: Keras would, for a seed that nobody uses."""
    said = run_with("jax", SAYS)
    assert said[0] == "loading JAX (some seconds)|False|False"
    assert all(line.endswith("|False|True") for line in said[1:])


@pytest.mark.parametrize(
    ("capabilities", "wanted", "policy"),
    [
        ([], "auto", "float32"),
        ([(6, 1)], "auto", "float32"),
        ([(7, 5)], "auto", "mixed_float16"),
        ([(9, 0), (8, 6)], "auto", "mixed_bfloat16"),
        ([(9, 0), (7, 0)], "auto", "mixed_float16"),
        ([(9, 0)], "float32", "float32"),
    ],
)
def test_half_precision_is_chosen_where_every_gpu_has_units_for_it(capabilities, wanted, policy):
    assert devices._precision_of(capabilities, wanted) == policy


def test_a_backend_that_this_package_does_not_run_on_is_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ConfigError, match=r"KERAS_BACKEND is 'torch', expected tensorflow or jax; unset it"):
        devices.prepare_device(0)


def test_a_backend_that_is_not_installed_is_an_error_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"the package jax is not installed; install requirements-gpu\.txt, or name"):
        devices.backend_name()


def test_recipes_name_the_backend_that_computes(monkeypatch):
    for name in ("tensorflow", "jax"):
        monkeypatch.setenv("KERAS_BACKEND", name)
        assert devices.backend_packages() == ("keras", name)


def test_gpus_that_the_backend_does_not_see_are_told(tensorflow, monkeypatch, caplog):
    for name, found in (("list_gpus", ["made-up"]), ("claim_gpus", ["made-up"]), ("_is_loaded", False)):
        monkeypatch.setattr(devices, name, lambda *_, found=found: found)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not devices.prepare_device(0).is_gpu
    assert "this machine has GPUs, but TensorFlow sees none and runs on the CPU: install requirement" in caplog.text


def test_a_gpu_is_named_with_its_number_and_its_memory(tensorflow, monkeypatch):
    monkeypatch.setattr(devices, "memory_of_gpus_gib", lambda: [79.6, 40.0])
    device = devices._device_of(devices.Found("NVIDIA H100", [(9, 0)] * 2, 2), "mixed_bfloat16", True)
    assert device == devices.Device("GPU, 2 x NVIDIA H100", True, "mixed_bfloat16", 40.0, 2)
    assert device.is_gpu


def test_a_batch_that_cannot_be_shared_out_is_refused():
    device = devices.Device("GPU, 3 x made up", True, num_devices=3)
    device.check_batch(9)
    with pytest.raises(ConfigError, match=r"batch_size is 8 and gpus 3: .* a multiple of 3"):
        device.check_batch(8)


def train_small_network(checkpoints_dir):
    """Train on whatever devices this process has; returns what became of it."""
    import keras

    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
    from cdiscount_tasks.learning.networks.predict import predict_images
    from cdiscount_tasks.learning.networks.training import train
    from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory

    device = devices.prepare_device(0)
    classes = np.arange(40) % 2
    images = np.random.default_rng(0).integers(0, 120, (40, 32, 32, 3), dtype=np.uint8)
    images[np.arange(40), :, :, classes] += 100
    shown = Examples(ImagesInMemory(iter([images]), 40, 32), classes.astype(np.int64), np.arange(40))
    inputs = keras.Input((32, 32, 3), dtype="uint8")
    start = keras.initializers.Constant(0.01)
    x = keras.layers.Conv2D(8, 3, strides=4, activation="relu", kernel_initializer=start)(
        keras.layers.Rescaling(1 / 255)(inputs)
    )
    x = keras.layers.BatchNormalization()(x)
    outputs = keras.layers.Dense(2, activation="softmax", kernel_initializer=start)(
        keras.layers.GlobalAveragePooling2D()(x)
    )
    config = TrainingConfig(epochs=2, batch_size=16, learning_rate=0.01)
    found = train(keras.Model(inputs, outputs), shown, shown, config, device, Checkpoints(checkpoints_dir, "k"))
    said = predict_images(found.network, shown.inputs, flip=True)
    loss = [epoch.train_loss for epoch in found.history]
    return {"name": device.name, "rows": len(said), "loss": loss, "devices": device.num_devices}


ON_DEVICES = """
    import json, sys
    from pathlib import Path
    from tests.cdiscount_tasks.machine.test_device import train_small_network
    print(json.dumps(train_small_network(Path(sys.argv[1]))))
"""


@pytest.mark.training
def test_several_devices_share_out_each_batch_and_predict_every_row_once(tmp_path):
    found = {}
    for number in (1, 2):
        flags = f"--xla_force_host_platform_device_count={number}"
        found[number] = json.loads(run_with("jax", ON_DEVICES, str(tmp_path / str(number)), XLA_FLAGS=flags)[-1])
    one, two = found[1], found[2]
    assert (one["devices"], two["devices"], two["rows"]) == (1, 2, 40)
    assert "2 logical devices" in two["name"]
    # The same batches, batch statistics of all devices together, summed in another order.
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    # And the same as on TensorFlow, but for what fills up the last batch.
    tensorflow = json.loads(run_with("tensorflow", ON_DEVICES, str(tmp_path / "tensorflow"))[-1])
    assert tensorflow["loss"] == pytest.approx(one["loss"], rel=0.05)
