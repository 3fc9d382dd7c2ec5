from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings import exports
from cdiscount_tasks.stages import export
from cdiscount_tasks.stages.export import export_model
from cdiscount_tasks.stages.inputs import PredictingModel
from tests.material.tiny_catalogue import CATEGORIES


@pytest.fixture(scope="module")
def model(model_dir, evaluation_dir, labels_dir, sample_dir):
    return PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return export_model(model, "litert", tmp_path_factory.mktemp("exports"))


@pytest.mark.training
def test_an_export_answers_all_test_products_as_the_model_and_as_was_recorded(exported, tiny_evaluation):
    assert exported["num_test_products"] == tiny_evaluation["num_test_products"] > 4
    assert exported["num_test_images"] == tiny_evaluation["num_test_images"]
    assert exported["num_other_answers"] == exported["num_other_than_recorded"] == 0
    assert max(exported["max_difference"], exported["max_image_difference"]) < 1e-5
    assert exported["max_recorded_difference"] < 1e-5


@pytest.mark.training
def test_an_export_has_the_model_the_rules_and_the_parity(exported):
    folder = Path(exported["path"])
    verify_artifact(folder)
    assert set(read_manifest(folder)["files"]) == {"model.tflite", "classes.json", "parity.json"}
    assert exported["num_bytes"] == (folder / "model.tflite").stat().st_size
    parity = read_json(folder / "parity.json")
    assert parity.pop("allowed_difference") == 1e-5
    assert parity == {name: exported[name] for name in parity}


@pytest.mark.training
def test_the_rules_say_all_that_a_program_needs(exported, evaluation_dir):
    rules = read_json(Path(exported["path"]) / "classes.json")
    calibration = read_json(evaluation_dir / "calibration.json")
    assert [one["category_id"] for one in rules["classes"]] == list(CATEGORIES)
    assert rules["file"] == "model.tflite"
    assert (rules["input"]["dtype"], rules["input"]["shape"]) == ("uint8", [None, 32, 32, 3])
    assert (rules["resize"]["filter"], rules["resize"]["size"]) == ("PIL.Image.Resampling.BILINEAR", [32, 32])
    assert rules["join"]["smallest_probability"] == float(np.float32(1e-7))
    assert rules["temperature"] == calibration["temperature"]
    assert [one["least_confidence"] for one in rules["thresholds"]] == [
        one["threshold"] for one in calibration["thresholds"]
    ]


@pytest.mark.training
def test_an_export_that_exists_is_found(exported, model):
    again = export_model(model, "litert", Path(exported["path"]).parent)
    assert again == {**exported, "reused": True}


@pytest.mark.training
@pytest.mark.parametrize("by", [3e-5, np.nan])
def test_a_file_that_answers_otherwise_is_not_published(model, tmp_path, monkeypatch, tensorflow, by):
    from cdiscount_tasks.learning.networks import exporting

    honest = exporting.open_exported

    def spoilt(*asked):
        ask = honest(*asked)
        return lambda images: ask(images) + np.float32([by, 0, 0, -by])

    monkeypatch.setattr(exporting, "open_exported", spoilt)
    with pytest.raises(DataError, match=r"model\.tflite: answers \d+ of \d+ test products otherwise .*less than 1e-05"):
        export_model(model, "litert", tmp_path)
    assert not list(tmp_path.glob("export-*"))


@pytest.mark.training
def test_on_a_gpu_nothing_is_compared(model, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "prepare_device", lambda **_: Device("GPU, 1 x NVIDIA H100", jit_compile=False))
    with pytest.raises(ConfigError, match=r"on the CPU, and this process uses GPU, .*CUDA_VISIBLE_DEVICES=-1"):
        export_model(model, "litert", tmp_path)


@pytest.mark.training
def test_an_export_is_written_by_tensorflow_alone(model, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(ConfigError, match="written by TensorFlow, and KERAS_BACKEND is 'jax'; unset it"):
        export_model(model, "litert", tmp_path)


@pytest.mark.parametrize("form", ["tf", "ONNX", ""])
def test_an_unknown_format_is_refused(tmp_path, form):
    nowhere = PredictingModel(*[tmp_path] * 4)
    with pytest.raises(ConfigError, match=f"the format is '{form}', expected onnx or litert"):
        export_model(nowhere, form, tmp_path)


def test_a_format_whose_packages_are_absent_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    wanted = exports.ExportFormat("onnx", "model.onnx", ("numpy", "no_such_package"))
    monkeypatch.setattr(export, "EXPORT_FORMATS", {"onnx": wanted})
    with pytest.raises(ConfigError, match=r"onnx needs no_such_package, which .*`make export FORMAT=onnx`"):
        export_model(PredictingModel(*[tmp_path] * 4), "onnx", tmp_path)


@pytest.mark.parametrize("most", [4, 5, 7, 64, 1000])
def test_chunks_hold_whole_products_and_every_image_once(most):
    product_id = np.sort(np.random.default_rng(0).integers(0, 30, 60))
    product_id = np.concatenate([product_id[product_id == one][:4] for one in np.unique(product_id)])
    chunks = list(export._chunks(export._Asked(product_id, np.arange(len(product_id))), most))
    assert np.concatenate([chunk.rows for chunk in chunks]).tolist() == list(range(len(product_id)))
    assert sum(len(np.unique(chunk.product_id)) for chunk in chunks) == len(np.unique(product_id))
    assert all(0 < len(chunk.rows) < most + 4 for chunk in chunks)
