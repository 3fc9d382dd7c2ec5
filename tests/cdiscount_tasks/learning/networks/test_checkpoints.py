import logging
import os
import shutil

import numpy as np
import pytest

from cdiscount_tasks.learning.networks import checkpoints
from cdiscount_tasks.learning.networks.checkpoints import Checkpoints

ARRAYS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "seed": np.array([1, 2], np.uint32)}


def kept(tmp_path, *numbers, key="k"):
    """Keep a state for each number; returns their files, oldest first."""
    folder = Checkpoints(tmp_path, key)
    for number in numbers:
        assert folder.save({"epoch": number}, {**ARRAYS, "number": np.array(number)})
    return sorted(tmp_path.glob("*.npz"))


def test_a_state_comes_back_as_it_was_kept(tmp_path):
    kept(tmp_path, 7)
    found = Checkpoints(tmp_path, "k").newest()
    assert found.facts == {"epoch": 7}
    assert found.arrays.keys() == {*ARRAYS, "number"}
    assert all(np.array_equal(found.arrays[name], array) for name, array in ARRAYS.items())
    assert found.arrays["seed"].dtype == np.uint32


def test_there_is_no_state_at_first(tmp_path):
    assert Checkpoints(tmp_path / "none", "k").newest() is None


def test_the_last_two_states_stay(tmp_path):
    assert len(kept(tmp_path, *range(12))) == 2
    assert Checkpoints(tmp_path, "k").newest().facts == {"epoch": 11}


def test_a_state_of_another_training_is_not_used(tmp_path):
    kept(tmp_path, 1, key="another")
    assert Checkpoints(tmp_path, "k").newest() is None


def test_a_state_that_is_cut_at_any_byte_gives_way_to_the_one_before(tmp_path):
    older, newer = kept(tmp_path / "whole", 1, 2)
    content = newer.read_bytes()
    for length in range(0, len(content), 97):
        folder = tmp_path / f"cut-{length}"
        folder.mkdir()
        shutil.copy(older, folder)
        (folder / newer.name).write_bytes(content[:length])
        assert Checkpoints(folder, "k").newest().facts == {"epoch": 1}


def test_a_flipped_bit_anywhere_gives_way_to_the_one_before_and_is_told(tmp_path, caplog):
    older, newer = kept(tmp_path / "whole", 1, 2)
    content = newer.read_bytes()
    for place in range(0, len(content), 131):
        folder = tmp_path / f"flipped-{place}"
        folder.mkdir()
        shutil.copy(older, folder)
        changed = bytearray(content)
        changed[place] ^= 16
        (folder / newer.name).write_bytes(changed)
        assert Checkpoints(folder, "k").newest().facts == {"epoch": 1}
    assert f"checkpoint {newer.name} cannot be used" in caplog.text


def test_a_state_that_cannot_be_read_for_now_is_not_removed(tmp_path, monkeypatch):
    kept(tmp_path, 1, 2)

    def refuse(_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(checkpoints, "hash_file", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        Checkpoints(tmp_path, "k").newest()
    monkeypatch.undo()
    assert Checkpoints(tmp_path, "k").newest().facts == {"epoch": 2}


def test_files_of_others_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "best.npz").write_bytes(b"a person's own")
    kept(tmp_path, 1)
    assert Checkpoints(tmp_path, "k").newest().facts == {"epoch": 1}
    assert (tmp_path / "best.npz").exists()


def test_without_any_whole_state_there_is_none(tmp_path):
    for path in kept(tmp_path, 1, 2):
        path.write_bytes(b"")
    assert Checkpoints(tmp_path, "k").newest() is None


def test_after_a_damaged_state_numbers_go_on(tmp_path):
    kept(tmp_path, 1, 2)[1].write_bytes(b"torn")
    folder = Checkpoints(tmp_path, "k")
    assert folder.newest().facts == {"epoch": 1}
    folder.save({"epoch": 3}, ARRAYS)
    assert Checkpoints(tmp_path, "k").newest().facts == {"epoch": 3}


def test_what_a_dead_writer_left_is_removed(tmp_path):
    kept(tmp_path, 1)
    (tmp_path / ".dead.part").write_bytes(b"half")
    Checkpoints(tmp_path, "k")
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_costs_the_state_and_not_the_training(tmp_path, monkeypatch, caplog):
    kept(tmp_path, 1)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level(logging.WARNING):
        assert not Checkpoints(tmp_path, "k").save({"epoch": 2}, ARRAYS)
    monkeypatch.undo()
    assert "could not be written ([Errno 28] No space left on device); training continues" in caplog.text
    assert Checkpoints(tmp_path, "k").newest().facts == {"epoch": 1}
    assert not list(tmp_path.glob(".*"))
