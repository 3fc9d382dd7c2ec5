import os
import shutil

import pytest

from cdiscount_tasks.artifacts.locks import lock, part_path
from cdiscount_tasks.artifacts.removal import (
    delete_part,
    is_left_over,
    is_real_folder,
    remove_folder,
    size_and_change,
)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model-0123456789abcdef"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file").write_bytes(b"x" * 10)
    return made


def free():
    return ""


def test_size_and_last_change_are_of_all_that_is_in_a_folder(folder):
    for path in (folder, folder / "deep"):
        os.utime(path, (1000, 1000))
    os.utime(folder / "deep" / "file", (2000, 2000))
    assert size_and_change(folder) == (10, 2000)


def test_a_folder_that_is_gone_has_no_size(tmp_path):
    assert size_and_change(tmp_path / "gone") == (0, 0.0)


def test_a_link_is_not_followed_by_who_measures(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"x" * 1000)
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "other").symlink_to(tmp_path / "outside" / "file")
    assert size_and_change(folder)[0] == 10


def test_a_folder_is_removed_whole(folder, tmp_path):
    assert remove_folder(folder, tmp_path / ".lock", free) == ""
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_one_that_is_gone_is_no_fault(tmp_path):
    assert remove_folder(tmp_path / "gone", None, free) == ""


def test_a_link_in_its_place_is_left(folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert remove_folder(link, None, free) == "it is a link"
    assert link.is_symlink()
    assert not is_real_folder(link)


def test_what_a_link_inside_leads_to_stays(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (folder / "link").symlink_to(tmp_path / "outside")
    assert remove_folder(folder, None, free) == ""
    assert (tmp_path / "outside").is_dir()


def test_whoever_holds_the_lock_keeps_the_folder(folder, tmp_path):
    with lock(tmp_path / ".lock", "the folder"):
        assert remove_folder(folder, tmp_path / ".lock", free) == "it is in use"
    assert folder.is_dir()


def test_the_last_look_is_with_the_lock_held(folder, tmp_path):
    def look():
        return remove_folder(folder, tmp_path / ".lock", free)

    assert remove_folder(folder, tmp_path / ".lock", look) == "it is in use"
    assert folder.is_dir()


def test_a_folder_that_cannot_be_renamed_is_left_with_the_systems_word(folder, monkeypatch):
    def refuse(*_):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(type(folder), "rename", refuse)
    assert remove_folder(folder, None, free) == "it cannot be removed (Device or resource busy)"


def test_what_is_left_of_a_folder_has_lost_its_name(folder, monkeypatch):
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    assert remove_folder(folder, None, free).startswith("a part of it cannot be removed: ")
    assert not folder.exists()


def test_a_part_of_a_living_builder_is_no_left_over(folder):
    part = part_path(folder)
    part.mkdir()
    assert not is_left_over(part)
    assert delete_part(part) == ""
    assert not part.exists()


def test_a_part_that_is_a_link_or_a_file_loses_only_itself(folder, tmp_path):
    link, file = tmp_path / ".a.part", tmp_path / ".b.part"
    link.symlink_to(folder)
    file.write_text("x")
    assert (delete_part(link), delete_part(file)) == ("", "")
    assert folder.is_dir()
    assert not link.is_symlink()
    assert not file.exists()
