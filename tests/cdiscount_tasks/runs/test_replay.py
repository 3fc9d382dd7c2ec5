import shutil
import sys

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import replay

MISSING = ("no model", "no evaluation", "no sample")


def test_what_is_refused_in_the_process_is_refused_here(tmp_path):
    with pytest.raises(DataError, match=r"no model: no finished artifact stands there"):
        replay.replay(*(tmp_path / name for name in MISSING))


def test_a_process_that_takes_too_long_says_nothing_about_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(replay, "TIME_LIMIT_S", 0.01)
    with pytest.raises(RuntimeError, match=r"not repeated within 0\.01 s; nothing was changed: try again"):
        replay.replay(*(tmp_path / name for name in MISSING))


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("echo no memory >&2; kill -9 $$", -9)])
def test_a_process_that_dies_says_nothing_about_the_model(tmp_path, monkeypatch, script, status):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))
    with pytest.raises(RuntimeError, match=rf"ended with status {status} \((it says nothing|no memory)\)"):
        replay.replay(*(tmp_path / name for name in MISSING))


@pytest.mark.training
def test_a_fresh_process_repeats_the_answers_wherever_this_one_stands(
    tmp_path, monkeypatch, sample_dir, model_dir, evaluation_dir
):
    folders = [tmp_path / folder.name for folder in (model_dir, evaluation_dir, sample_dir)]
    for source, copy in zip((model_dir, evaluation_dir, sample_dir), folders, strict=True):
        shutil.copytree(source, copy)
    monkeypatch.chdir(tmp_path)
    found = replay.replay(*folders)
    assert found.num_images > 4
    assert found.max_difference <= 1e-5
