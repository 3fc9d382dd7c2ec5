import json

import pytest

from cdiscount_tasks.artifacts.training_folder import PROGRESS, is_stop_wanted, read_progress, want_stop
from cdiscount_tasks.artifacts.training_folder import write_progress as write
from tests.material.training_progress import PROGRESS_OF_EPOCH_8


def test_progress_comes_back_as_it_was_written(tmp_path):
    write(tmp_path / "model-0.training", PROGRESS_OF_EPOCH_8)
    assert read_progress(tmp_path / "model-0.training") == PROGRESS_OF_EPOCH_8


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "9" * 70_000, json.dumps({**PROGRESS_OF_EPOCH_8, "epoch": "8"}), "[" * 60_000]
)
def test_what_is_no_progress_is_none(tmp_path, text):
    (tmp_path / PROGRESS).write_text(text)
    assert read_progress(tmp_path) is None


def test_a_folder_that_cannot_be_written_costs_the_note_alone(tmp_path, caplog):
    (tmp_path / "file").touch()
    write(tmp_path / "file", PROGRESS_OF_EPOCH_8)
    assert "training continues" in caplog.text


def test_a_training_that_is_over_cannot_be_stopped(tmp_path):
    assert not want_stop(tmp_path / "model-0.training")
    assert want_stop(tmp_path)
    assert is_stop_wanted(tmp_path)
