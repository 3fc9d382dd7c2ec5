import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine import gpus as devices
from cdiscount_tasks.machine.gpus import claim_gpus, list_gpus
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.training import TrainingConfig

ENVIRON = {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}
CLAIM = """
import sys, time
from pathlib import Path
from cdiscount_tasks.machine.gpus import claim_gpus
print(*claim_gpus(int(sys.argv[2]), ["made-up-0", "made-up-1"], Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


@pytest.fixture
def claimant(tmp_path):
    """Return a function that starts another process which claims GPUs and keeps them; returns its GPUs and itself."""
    started = []

    def start(wanted):
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(tmp_path), str(wanted)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRON,
        )  # fmt: skip
        started.append(process)
        return process.stdout.readline().split(), process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.training
def test_that_tensorflow_is_loaded_is_told_before_it_takes_its_seconds():
    said = """
        import logging, sys
        from cdiscount_tasks.machine import gpus

        class Listens(logging.Handler):
            def emit(self, record):
                print(record.getMessage(), "tensorflow" in sys.modules, sep="|")

        gpus.logger.addHandler(Listens())
        gpus.logger.setLevel("INFO")
        gpus.prepare_device(0)
        gpus.prepare_device(0)
    """
    command = [sys.executable, "-c", textwrap.dedent(said)]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**ENVIRON, "CUDA_VISIBLE_DEVICES": ""}
    )
    assert [line for line in run.stdout.splitlines() if "TensorFlow" in line] == [
        "loading TensorFlow (some seconds)|False"
    ]


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch):
    monkeypatch.setattr(devices, "_held", {})


GPUS = ["made-up-0", "made-up-1"]


def test_two_processes_never_get_one_gpu(claimant, tmp_path):
    (one,), _ = claimant(1)
    (other,), _ = claimant(1)
    assert {one, other} == set(GPUS)
    with pytest.raises(RuntimeError, match=r"1 of this machine's 2 GPUs are wanted and 0 are free; .* tried again"):
        claim_gpus(1, GPUS, tmp_path)


def test_a_claim_that_cannot_be_had_whole_takes_nothing(claimant, tmp_path):
    claimant(1)
    with pytest.raises(RuntimeError, match="2 of this machine's 2 GPUs are wanted and 1 are free"):
        claim_gpus(2, GPUS, tmp_path)
    assert len(claimant(1)[0]) == 1


def test_a_killed_process_gives_its_gpus_back(claimant, tmp_path):
    gpus, process = claimant(2)
    assert gpus == GPUS
    process.kill()
    process.wait()
    assert claim_gpus(2, GPUS, tmp_path) == GPUS


def test_a_process_that_claims_again_keeps_what_it_holds(tmp_path):
    assert claim_gpus(1, GPUS, tmp_path) == claim_gpus(1, GPUS, tmp_path)
    assert claim_gpus(2, GPUS, tmp_path) == GPUS


def test_a_machine_without_gpus_claims_none(tmp_path):
    assert claim_gpus(1, [], tmp_path) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("visible", "gpus"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-5f", ["GPU-5f"])])
def test_what_the_environment_shows_is_what_there_is(monkeypatch, visible, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_gpus() == gpus


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
    assert devices._precision_of([{"compute_capability": one} for one in capabilities], wanted) == policy


def test_a_card_has_one_name_however_the_environment_calls_it(monkeypatch):
    monkeypatch.setattr(devices, "_ask_nvidia", lambda *_: [["0", "GPU-5fa1"], ["1", "GPU-77b2"]])
    for visible in ("1", "GPU-77", "GPU-77b2"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert list_gpus() == ["GPU-77b2"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert list_gpus() == ["GPU-5fa1", "GPU-77b2"]


def test_more_gpus_than_the_machine_has_are_no_matter_of_waiting(tmp_path):
    with pytest.raises(ConfigError, match="gpus is 4, but this machine has 2; lower gpus in the sample's preset"):
        claim_gpus(4, GPUS, tmp_path)


def test_a_lock_of_another_user_that_can_only_be_read_is_a_lock(tmp_path):
    for gpu in GPUS:
        (tmp_path / f"{gpu}.lock").touch(mode=0o444)
    assert claim_gpus(2, GPUS, tmp_path) == GPUS


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
    with device.scope():
        inputs = keras.Input((32, 32, 3), dtype="uint8")
        x = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
        outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
        network = keras.Model(inputs, outputs)
    config = TrainingConfig(epochs=2, batch_size=8, learning_rate=0.01)
    found = train(network, shown, shown, config, device, Checkpoints(checkpoints_dir, "k"))
    said = predict_images(found.network, shown.inputs, flip=True)
    loss = [epoch.train_loss for epoch in found.history]
    return {"name": device.name, "rows": len(said), "loss": loss, "mirrored": device.strategy is not None}


ON_TWO_DEVICES = """
import json, sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.cdiscount_tasks.machine.test_gpus import train_small_network
print(json.dumps(train_small_network(Path(sys.argv[1]))))
"""


def test_several_devices_train_one_network_mirrored_and_predict_every_row_once(tensorflow, tmp_path):
    one = train_small_network(tmp_path / "one")
    command = [sys.executable, "-c", ON_TWO_DEVICES, str(tmp_path / "two")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON)
    assert run.returncode == 0, run.stderr[-2000:]
    two = json.loads(run.stdout.splitlines()[-1])
    assert (one["mirrored"], two["mirrored"], two["rows"]) == (False, True, 40)
    assert "2 logical devices" in two["name"]
    # The same batches, summed in another order.
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
