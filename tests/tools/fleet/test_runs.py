import io
import zipfile
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from cdiscount_tasks.artifacts.hashes import hash_file
from tools.airflow.home import ToolError
from tools.fleet import runs
from tools.fleet.history import Try


def write_model(path, weights, year):
    """Write a model's file as Keras does: an archive with the weights and the time of writing."""
    inner = io.BytesIO()
    with h5py.File(inner, "w") as file:
        file["layers/dense/vars/0"] = weights
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("model.weights.h5", (year, 1, 1, 0, 0, 0)), inner.getvalue())
    return runs._hash_of_weights(path)


def test_models_with_the_same_weights_are_the_same_whenever_they_were_written(tmp_path):
    weights = np.arange(6, dtype="float32").reshape(2, 3)
    before = write_model(tmp_path / "before.keras", weights, 2025)
    assert write_model(tmp_path / "after.keras", weights, 2026) == before
    assert write_model(tmp_path / "turned.keras", weights.reshape(3, 2), 2025) != before
    assert write_model(tmp_path / "nudged.keras", np.nextafter(weights, 9), 2025) != before


def test_the_hashes_are_those_of_all_files_of_all_artifacts(index_dir, artifacts_dir):
    found = runs.hashes(artifacts_dir)
    images = index_dir / "images.parquet"
    assert found[str(images.relative_to(artifacts_dir))] == hash_file(images)
    files = {path for path in index_dir.iterdir() if path.name != "manifest.json"}
    assert {artifacts_dir / name for name in found} >= files


def test_all_but_the_catalogue_is_set_aside(tmp_path):
    demo = tmp_path / "shared" / "data" / "demo"
    for name in ("catalogue.bson", "category_names.csv", "samples", "registry"):
        (demo / name).mkdir(parents=True)
    runs.set_aside(SimpleNamespace(root=tmp_path, data_dir=tmp_path / "shared" / "data"), "first")
    assert {path.name for path in demo.iterdir()} == {"catalogue.bson", "category_names.csv"}
    assert {path.name for path in (tmp_path / "shared" / "first").iterdir()} == {"samples", "registry"}


def test_the_tries_of_a_task_are_those_of_all_its_parts(tmp_path):
    names = ("index_catalogue.scan_range[0]", "index_catalogue.scan_range[1]", "train_model")
    ended = runs.Ended("success", 1.0, [Try(name, 1, "", "", "success", None, None) for name in names], tmp_path)
    assert [one.task for one in ended.of("scan_range")] == list(names[:2])
    assert [one.task for one in ended.of("train_model")] == ["train_model"]


def test_an_api_that_is_away_is_asked_again_until_the_time_is_over(monkeypatch):
    monkeypatch.setattr(runs.time, "sleep", lambda _: None)
    answers = iter([ConnectionRefusedError(), ToolError("HTTP 500"), "success"])

    def ask():
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    assert runs.patient(ask) == "success"
    answers = iter([ToolError("HTTP 500")])
    with pytest.raises(ToolError, match="HTTP 500"):
        runs.patient(ask, timeout_s=-1)
