"""The example without LiteRT: in its place a model that answers by colours. Marked `beside`: with it alone."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages.export import export_model
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.stages.loaded_model import LoadedModel
from tests.material.answering_models import ColourNetwork
from tests.material.exported_rules import RULES, table
from tests.material.tiny_catalogue import RED

ALONE = PROJECT_DIR / ".venv-litert" / "bin" / "python"
LITERT_RULES = {**RULES, "file": "model.tflite"}


class Interpreter:
    """What LiteRT gives, as far as the example asks it: a shape holds until another one is set."""

    def __init__(self, path, num_threads):
        assert Path(path).name == "model.tflite"
        assert num_threads is None or num_threads >= 1
        self.shape, self.is_allocated = (1, 32, 32, 3), False

    def get_input_details(self):
        return [{"index": 3}]

    def get_output_details(self):
        return [{"index": 5}]

    def resize_tensor_input(self, index, shape):
        assert index == 3
        self.shape, self.is_allocated = tuple(shape), False

    def allocate_tensors(self):
        self.is_allocated = True

    def set_tensor(self, index, pixels):
        assert (index, pixels.dtype, pixels.shape, self.is_allocated) == (3, np.uint8, self.shape, True)
        assert pixels.flags["C_CONTIGUOUS"]
        self.pixels = pixels

    def invoke(self):
        self.answered = ColourNetwork().answer(self.pixels)

    def get_tensor(self, index):
        assert index == 5
        return self.answered


@pytest.fixture
def printed(folder, monkeypatch, capsys):
    """Return what runs the example on a folder, and gives its rows."""
    package = ModuleType("ai_edge_litert")
    monkeypatch.setitem(sys.modules, "ai_edge_litert", package)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", SimpleNamespace(Interpreter=Interpreter))
    monkeypatch.delitem(sys.modules, "examples.predict_litert", raising=False)
    example = importlib.import_module("examples.predict_litert")
    write_json(folder.parent / "export" / "classes.json", LITERT_RULES)

    def run(*options):
        example.main([str(folder.parent / "export"), str(folder), *options])
        return table(capsys.readouterr().out)

    return run


def test_each_file_and_each_folder_is_a_product(printed):
    rows = printed()
    assert [row["product"] for row in rows] == ["a.JPEG", "b.jpg", "none", "two"]
    assert [row["num_images"] for row in rows] == ["1", "1", "0", "2"]
    assert (rows[1]["category_id"], rows[1]["name"]) == (str(RED), f"Name of {RED}")
    assert {row["category_id"] for row in printed("--precision", "0.99")} == {""}


def test_an_export_of_the_other_format_is_said_to_be_one(printed, folder):
    write_json(folder.parent / "export" / "classes.json", RULES)
    with pytest.raises(
        SystemExit, match=r"model\.onnx: is no LiteRT file; `make export \.\.\. FORMAT=litert` writes one"
    ):
        printed()


def parts_of(name):
    """Return what an example is made of, apart from its docstring, its imports and the network's opening."""
    _, *parts = ast.parse((PROJECT_DIR / "examples" / name).read_text("utf-8")).body
    return [
        ast.dump(part)
        for part in parts
        if not isinstance(part, ast.Import | ast.ImportFrom) and getattr(part, "name", "") != "open_network"
    ]


def test_the_two_examples_differ_in_how_the_network_is_opened_alone():
    """Each is one file, to be copied: what the tests of the other show holds for this one."""
    assert parts_of("predict_litert.py") == parts_of("predict_onnx.py")


@pytest.mark.beside
@pytest.mark.training
def test_with_three_packages_alone_it_answers_as_the_champion(
    model_dir, evaluation_dir, labels_dir, sample_dir, folder, tmp_path
):
    if not ALONE.exists():
        pytest.skip(f"{ALONE} is absent: `make environments` makes it")
    model = PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)
    export_dir = export_model(model, "litert", tmp_path / "exports")["path"]
    command = [ALONE, "-I", PROJECT_DIR / "examples" / "predict_litert.py", export_dir, folder]
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
    program = "from importlib.util import find_spec as f; print([f(n) for n in ('keras', 'tensorflow', 'pandas')])"
    found = subprocess.run([ALONE, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[None, None, None]"
