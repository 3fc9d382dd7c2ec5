import json

import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.exports import EXPORT_FORMATS
from cdiscount_tasks.settings.networks import BACKBONES, FROM_SCRATCH

pytestmark = pytest.mark.training

SIZE = 64
LITERT = EXPORT_FORMATS["litert"]
LOWER = {"mobilenet_v2": "mixed_float16", "mobilenet_v3_small": "mixed_bfloat16"}
"""Networks that are written here as if they had learnt with lower precision: a conversion takes ten seconds."""


@pytest.fixture(scope="module")
def build(tensorflow):
    """Build an untrained network, whatever the policy of this process is."""
    import keras

    from cdiscount_tasks.learning.networks.build import build_network

    def make(name="small_cnn", policy="float32"):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return build_network(name, SIZE, 3)
        finally:
            keras.config.set_dtype_policy(before)

    return make


def images(num_images):
    return np.random.default_rng(num_images).integers(0, 256, (num_images, SIZE, SIZE, 3), dtype=np.uint8)


def export(network, tmp_path, form=LITERT):
    from cdiscount_tasks.learning.networks.exporting import open_exported, write_exported

    path = tmp_path / form.file_name
    write_exported(network, path, form)
    return open_exported(path, form)


def test_a_file_answers_as_its_network_to_any_number_of_images(build, tmp_path):
    from cdiscount_tasks.learning.networks.exporting import ask_keras, in_float32

    network = in_float32(build())
    ask, expected = export(network, tmp_path), ask_keras(network)
    for num_images in (7, 1, 7, 64):
        found = ask(images(num_images))
        assert (found.dtype, found.shape) == (np.float32, (num_images, 3))
        assert np.abs(found - expected(images(num_images))).max() < 1e-6


@pytest.mark.parametrize("policy", LOWER.values())
def test_a_network_of_lower_precision_is_built_anew_in_float32_with_its_weights(build, policy):
    from cdiscount_tasks.learning.networks.exporting import in_float32

    network = build("mobilenet_v3_small", policy)
    whole = in_float32(network)
    config = json.dumps(whole.get_config())
    assert policy not in config
    assert policy in json.dumps(network.get_config())
    for kept, given in zip(whole.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, given)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FROM_SCRATCH, *BACKBONES])
def test_every_network_can_be_written(build, tmp_path, name):
    from cdiscount_tasks.learning.networks.exporting import ask_keras, in_float32

    network = in_float32(build(name, LOWER.get(name, "float32")))
    most = 1e-6 if name in LOWER else 1e-5
    assert np.abs(export(network, tmp_path)(images(5)) - ask_keras(network)(images(5))).max() < most


@pytest.mark.beside
@pytest.mark.parametrize("name", [*FROM_SCRATCH, *BACKBONES])
def test_every_network_can_be_written_as_onnx(build, tmp_path, name, onnx_packages):
    from cdiscount_tasks.learning.networks.exporting import ask_keras, in_float32

    network = in_float32(build(name))
    ask = export(network, tmp_path, EXPORT_FORMATS["onnx"])
    for num_images in (3, 1):
        assert np.abs(ask(images(num_images)) - ask_keras(network)(images(num_images))).max() < 1e-5


def test_what_a_format_does_not_know_is_said_in_a_sentence(build, tmp_path, monkeypatch):
    from cdiscount_tasks.learning.networks.exporting import write_exported

    network = build()
    monkeypatch.setattr(network, "export", lambda *_, **__: {}["no such operation"])
    with pytest.raises(
        DataError, match=r"model\.tflite: the network cannot be written in this format \(KeyError: 'no such op"
    ):
        write_exported(network, tmp_path / "model.tflite", LITERT)


def test_what_its_runtime_does_not_take_is_said_in_a_sentence(tensorflow, tmp_path):
    from cdiscount_tasks.learning.networks.exporting import open_exported

    (tmp_path / "model.tflite").write_bytes(b"no model" * 9)
    with pytest.raises(DataError, match=r"model\.tflite: the network cannot be run in this format \(ValueError: "):
        open_exported(tmp_path / "model.tflite", LITERT)


def test_a_full_disk_is_no_fault_of_the_network(build, tmp_path, monkeypatch):
    from cdiscount_tasks.learning.networks.exporting import write_exported

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    network = build()
    monkeypatch.setattr(network, "export", full)
    with pytest.raises(OSError, match="No space left"):
        write_exported(network, tmp_path / "model.tflite", LITERT)
