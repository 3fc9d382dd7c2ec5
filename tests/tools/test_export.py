import os
import re
import sys

import pytest

from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tools import export
from tools.airflow.home import ToolError

RESULT = {
    "path": "/data/samples/wine/export-0123456789abcdef",
    "reused": False,
    "format": "onnx",
    "file": "model.onnx",
    "num_bytes": 4_945_713,
    "num_test_products": 1190,
    "num_test_images": 2000,
    "num_other_answers": 0,
    "max_difference": 4.2e-7,
    "max_image_difference": 9.2e-7,
    "num_other_than_recorded": 1,
    "max_recorded_difference": 0.012,
}


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Return what runs the tool with settings, and what was asked of it; nothing is exported or installed."""
    asked = []
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("CDISCOUNT_SAMPLES", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(export.registry, "registered_samples", lambda: ["beer", "wine"])
    monkeypatch.setattr(export, "make_beside", lambda *what: asked.append(what[1:]))

    def export_champion(*what):
        asked.append((*what, os.environ["CUDA_VISIBLE_DEVICES"]))
        return RESULT

    monkeypatch.setattr(export, "export_champion", export_champion)

    def run(sample="wine", form="onnx"):
        monkeypatch.setenv("SAMPLE", sample)
        monkeypatch.setenv("FORMAT", form)
        export.main()
        return asked

    return run


def test_onnx_gets_its_packages_first_and_nothing_is_compared_on_a_gpu(tool):
    assert tool() == [(".venv-export", "requirements-export.txt"), ("wine", "onnx", "-1")]


def test_what_it_gets_comes_after_the_packages_of_the_project(tool):
    before = list(sys.path)
    tool()
    assert sys.path[: len(before)] == before
    (added,) = sys.path[len(before) :]
    assert added == str(
        export.PROJECT_DIR / ".venv-export" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    )


def test_where_the_lock_is_absent_that_is_said(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "PROJECT_DIR", tmp_path)
    with pytest.raises(ToolError, match=r"requirements-export\.txt: is missing, as in the image; FORMAT=litert needs"):
        tool()


def test_litert_needs_nothing(tool):
    assert tool(form="litert") == [("wine", "litert", "-1")]


def test_how_near_the_answers_are_is_printed_with_the_files(tool, capsys):
    tool()
    printed = capsys.readouterr().out
    assert (
        "answers all 1,190 test products as the Keras model in float32 (a probability differs by 4.2e-07 at most)"
        in printed
    )
    assert "its evaluation recorded differ 1 answers, and a confidence by 1.2e-02 at most" in printed
    assert "how to use it: examples/predict_onnx.py" in printed
    for name in ("model.onnx", "classes.json", "parity.json"):
        assert f"{RESULT['path']}/{name}" in printed


@pytest.mark.parametrize("catalogue", ["", "/data/train.bson"])
def test_a_model_of_drawn_pictures_is_said_to_be_one(tool, capsys, monkeypatch, catalogue):
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", catalogue)
    tool()
    assert (DRAWN_WARNING in capsys.readouterr().out) == (not catalogue)


@pytest.mark.parametrize("sample", ["", "tea", "../wine", "beer"])
def test_a_sample_without_a_yaml_is_refused_also_where_it_has_a_champion(tool, sample):
    told = f"SAMPLE is '{sample}', expected one of: everything, mixed_bag, wine; as in `make export SAMPLE=wine FORMAT="
    with pytest.raises(ToolError, match=re.escape(told)):
        tool(sample)


def test_a_sample_without_history_is_refused_with_those_that_have_one(tool):
    with pytest.raises(ToolError, match=r"SAMPLE is 'mixed_bag', which has no champion yet; .* history: beer, wine"):
        tool("mixed_bag")


@pytest.mark.parametrize("form", ["", "tf"])
def test_an_unknown_format_is_refused(tool, form):
    with pytest.raises(ToolError, match=f"FORMAT is '{form}', expected onnx or litert"):
        tool(form=form)
