import shutil
import sys

import pytest

from cdiscount_tasks.runs import speed


def test_models_that_cannot_be_loaded_have_no_speed_and_the_log_says_why(tmp_path, caplog):
    assert speed.compare_speeds(tmp_path / "new", tmp_path / "old") is None
    assert "the speed is not known" in caplog.text and "new: no finished artifact" in caplog.text


def test_a_process_that_takes_too_long_says_nothing_about_the_models(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "TIME_LIMIT_S", 0.01)
    with pytest.raises(RuntimeError, match=r"not measured within 0\.01 s: try again"):
        speed.compare_speeds(tmp_path / "new", tmp_path / "old")


def test_a_process_that_dies_says_nothing_about_the_models(tmp_path, monkeypatch):
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\necho no memory >&2; kill -9 $$\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))
    with pytest.raises(RuntimeError, match=r"ended with status -9 \(no memory\): try again"):
        speed.compare_speeds(tmp_path / "new", tmp_path / "old")


@pytest.mark.training
def test_the_same_network_is_as_fast_as_itself_whatever_its_evaluation_took(tmp_path, model_dir):
    copy = tmp_path / model_dir.name
    shutil.copytree(model_dir, copy)
    found = speed.compare_speeds(copy, model_dir)
    assert 0.7 < found.ratio < 1.4  # on a busy machine; the durations of two evaluations gave 9.99
    assert found.challenger > 0 and found.champion > 0
    assert found.device.startswith("CPU")
