import json

import pytest

from cdiscount_tasks.artifacts import object_store
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.artifacts.training_folder import (
    PROGRESS,
    fetch_states,
    is_stop_wanted,
    is_training,
    push_states,
    read_progress,
    remove_states,
    want_stop,
)  # fmt: skip
from cdiscount_tasks.artifacts.training_folder import write_progress as write
from tests.material.machines import Machines
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


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 2)


def training_of(machines, number):
    return machines[number] / "samples" / "wine" / "model-0123.training"


def save(folder, number, text="state"):
    """Write a state as `Checkpoints` does, and push it."""
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in sorted(folder.glob("*.npz"))[:-1]:
        earlier.unlink()
    (folder / f"{number:08d}-{number:032x}.npz").write_text(text)
    push_states(folder)


def test_another_machine_continues_from_the_last_states(machines):
    phase = training_of(machines, 0) / "head"
    for number in range(4):
        save(phase, number, f"state {number}")
    assert [name.rpartition("/")[2][:8] for name in machines.names()] == ["00000002", "00000003"]
    fetch_states(training_of(machines, 1))
    found = sorted((training_of(machines, 1) / "head").glob("*.npz"))
    assert [path.read_text() for path in found] == ["state 2", "state 3"]


def test_progress_and_the_wish_to_stop_pass_between_machines(machines):
    here, there = training_of(machines, 0), training_of(machines, 1)
    assert (is_training(there), want_stop(there), read_progress(there)) == (False, False, None)
    write(here, PROGRESS_OF_EPOCH_8)
    assert read_progress(there) == PROGRESS_OF_EPOCH_8
    assert (is_training(there), is_stop_wanted(here)) == (True, False)
    assert want_stop(there)
    assert is_stop_wanted(here)
    remove_states(here)
    assert (is_training(there), machines.names()) == (False, [])


def test_a_bucket_that_is_away_costs_a_training_nothing(machines, monkeypatch, caplog):
    def away(*_, **__):
        raise StoreAway("nobody answers; tried several times, clear this task later")

    monkeypatch.setattr(object_store.ObjectStore, "_asked", away)
    save(training_of(machines, 0) / "head", 1)
    write(training_of(machines, 0), PROGRESS_OF_EPOCH_8)
    assert is_stop_wanted(training_of(machines, 0)) is False
    remove_states(training_of(machines, 0))
    assert not training_of(machines, 0).exists()
    assert caplog.text.count("(nobody answers); training continues") == 4
    assert "clear this task" not in caplog.text


def test_states_that_cannot_be_fetched_for_now_are_not_taken_for_none(machines, monkeypatch):
    save(training_of(machines, 0) / "head", 1)

    def away(*_, **__):
        raise StoreAway("nobody answers")

    monkeypatch.setattr(object_store.ObjectStore, "_asked", away)
    with pytest.raises(StoreAway):
        fetch_states(training_of(machines, 1))
