"""The example without onnxruntime: in its place a model that answers by colours. Marked `beside`: with it alone."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.learning.measuring import calibration, joining
from cdiscount_tasks.learning.pictures.images import decode_rgb, to_square
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages.export import export_model
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.stages.loaded_model import LoadedModel
from tests.material.answering_models import THRESHOLD, ColourNetwork
from tests.material.exported_rules import RULES, table
from tests.material.tiny_catalogue import RED

ALONE = PROJECT_DIR / ".venv-onnx" / "bin" / "python"


class Session:
    """What onnxruntime gives, as far as the example asks it."""

    def __init__(self, path, providers):
        assert Path(path).name == "model.onnx"
        assert providers == ["CPUExecutionProvider"]

    def get_inputs(self):
        return [SimpleNamespace(name="images")]

    def run(self, outputs, given):
        assert outputs is None
        assert given["images"].dtype == np.uint8
        assert given["images"].flags["C_CONTIGUOUS"]
        return [ColourNetwork().answer(given["images"])]


@pytest.fixture
def example(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    monkeypatch.delitem(sys.modules, "examples.predict_onnx", raising=False)
    return importlib.import_module("examples.predict_onnx")


@pytest.fixture
def printed(example, folder, capsys):
    def run(*options, where=folder):
        example.main([str(folder.parent / "export"), str(where), *options])
        return table(capsys.readouterr().out)

    return run


def test_each_file_and_each_folder_is_a_product(printed):
    rows = printed()
    assert [row["product"] for row in rows] == ["a.JPEG", "b.jpg", "none", "two"]
    assert [row["num_images"] for row in rows] == ["1", "1", "0", "2"]
    assert (rows[1]["category_id"], rows[1]["name"]) == (str(RED), f"Name of {RED}")
    assert rows[2]["fault"] == "has no JPEG"
    assert rows[3]["fault"].startswith("2.jpg: ")


def test_a_list_has_a_product_a_line(printed, folder):
    path = folder / "list.txt"
    path.write_text("b.jpg\ntwo/0.jpg\ttwo/1.jpg\n\nabsent.jpg\n")
    rows = printed(where=path)
    assert [(row["product"], row["num_images"]) for row in rows] == [
        ("b.jpg", "1"),
        ("two/0.jpg", "2"),
        ("absent.jpg", "0"),
    ]
    assert "No such file" in rows[2]["fault"]


def test_below_a_threshold_no_category_is_named(printed):
    sure, unsure = printed("--precision", "0.95")[1::2]
    assert sure["name"] == f"Name of {RED}"
    assert (unsure["category_id"], unsure["name"]) == ("", "")
    assert float(sure["confidence"]) >= THRESHOLD > float(unsure["confidence"])
    assert {row["category_id"] for row in printed("--precision", "0.99")} == {""}


@pytest.mark.parametrize(
    ("options", "where", "told"),
    [
        (["--precision", "0.9"], "", r"expected one of 0\.99, 0\.95"),
        ([], "absent", "absent: is no folder and no file"),
        ([], "none", "has no file"),
    ],
)
def test_what_cannot_be_done_is_said(printed, folder, options, where, told):
    with pytest.raises(SystemExit, match=told):
        printed(*options, where=folder / where)


def test_an_export_of_the_other_format_is_said_to_be_one(printed, folder):
    write_json(folder.parent / "export" / "classes.json", {**RULES, "file": "model.tflite"})
    with pytest.raises(
        SystemExit, match=r"model\.tflite: is no ONNX file; `make export \.\.\. FORMAT=onnx` writes one"
    ):
        printed()


def test_images_are_made_as_in_the_package(example, folder):
    for path in (folder / "b.jpg", folder / "a.JPEG"):
        np.testing.assert_array_equal(example.decode(path, RULES), to_square(decode_rgb(path.read_bytes()), 32))


def test_an_image_of_too_many_pixels_is_refused(example, folder):
    with pytest.raises(ValueError, match="has 48 x 48 pixels"):
        example.decode(folder / "b.jpg", {**RULES, "decode": {"max_pixels": 1000}})


def test_answers_are_joined_and_tempered_as_in_the_package(example):
    powers = np.exp(np.random.default_rng(0).normal(scale=9, size=(4, 6)))
    rows = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    joint = joining.joint_probabilities(rows, np.zeros(4, np.int64))
    np.testing.assert_allclose(example.join(rows, RULES), joint[0], atol=1e-7)
    expected = calibration.at_temperature(joint, 2.0)[0]
    np.testing.assert_allclose(example.at_temperature(joint[0], RULES), expected, atol=1e-7)


@pytest.mark.beside
@pytest.mark.training
def test_with_three_packages_alone_it_answers_as_the_champion(
    model_dir, evaluation_dir, labels_dir, sample_dir, folder, tmp_path, onnx_packages
):
    if not ALONE.exists():
        pytest.skip(f"{ALONE} is absent: `make environments` makes it")
    model = PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)
    export_dir = export_model(model, "onnx", tmp_path / "exports")["path"]
    command = [ALONE, "-I", PROJECT_DIR / "examples" / "predict_onnx.py", export_dir, folder]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout)
    assert [row["product"] for row in rows] == ["a.JPEG", "b.jpg", "none", "two"]
    paths = [[folder / "a.JPEG"], [folder / "b.jpg"], [], sorted((folder / "two").iterdir())]
    answers = LoadedModel(model).predict([[path.read_bytes() for path in some] for some in paths])
    for row, answer in zip(rows, answers.itertuples(), strict=True):
        assert int(row["num_images"]) == answer.num_images
        if answer.num_images:
            assert (int(row["category_id"]), row["name"]) == (answer.category_id, answer.name)
            assert float(row["confidence"]) == pytest.approx(answer.probability, abs=1e-5)


@pytest.mark.beside
def test_its_environment_has_none_of_the_projects_packages():
    if not ALONE.exists():
        pytest.skip(f"{ALONE} is absent: `make environments` makes it")
    command = [
        ALONE,
        "-I",
        "-c",
        "from importlib.util import find_spec as f; print([f(n) for n in ('keras', 'pandas')])",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[None, None]"
