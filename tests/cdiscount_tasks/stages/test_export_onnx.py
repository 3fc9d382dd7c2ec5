from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.stages.export import export_model
from cdiscount_tasks.stages.inputs import PredictingModel

pytestmark = [pytest.mark.beside, pytest.mark.training]


def test_an_onnx_file_answers_all_test_products_as_the_model(
    model_dir, evaluation_dir, labels_dir, sample_dir, tmp_path, onnx_packages
):
    made = export_model(PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir), "onnx", tmp_path)
    manifest = read_manifest(Path(made["path"]))
    assert set(manifest["files"]) == {"model.onnx", "classes.json", "parity.json"}
    assert {"onnx", "onnxruntime", "tf2onnx"} < set(manifest["libraries"])
    assert made["num_other_answers"] == made["num_other_than_recorded"] == 0
    assert made["max_image_difference"] < 1e-5
