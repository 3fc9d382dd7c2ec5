import errno
import fcntl
import os
import time

import pytest

from cdiscount_tasks.artifacts import data_root
from cdiscount_tasks.artifacts.data_root import (
    MARKER,
    Mount,
    check_locks,
    clock_ahead_s,
    mark_root,
    mount_of,
    root_id,
    why_locks_stay_local,
)
from cdiscount_tasks.errors import ConfigError


def test_a_root_is_marked_once_and_known_wherever_it_is_mounted(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    assert root_id(here) is None
    made = mark_root(here)
    assert mark_root(here) == root_id(here) == made
    here.rename(there)
    assert root_id(there) == made
    assert mark_root(tmp_path / "other") != made


@pytest.mark.parametrize("text", ["", "x" * 32, "\0" * 32])
def test_a_mark_that_was_cut_counts_as_none(tmp_path, text):
    (tmp_path / MARKER).write_text(text)
    assert root_id(tmp_path) is None
    assert root_id(tmp_path / MARKER) is None


def test_a_root_that_cannot_be_marked_says_why(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(data_root, "create_document", full)
    with pytest.raises(ConfigError, match="the disk is full: free space there or point CDISCOUNT_DATA at another"):
        mark_root(tmp_path)


TABLE = r"""
22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw
28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
70 28 0:50 / /mnt rw,relatime shared:2 - nfs4 server:/a rw,vers=4.2,local_lock=none
71 70 0:51 /x /mnt/two\040words rw shared:3 - nfs server:/b rw,vers=3,nolock,local_lock=all
72 28 0:52 / /objects rw - fuse.s3fs s3fs rw,user_id=0
73 28 0:53 / /lustre rw - lustre mds:/c rw,flock
74 28 0:54 / /mine rw - lustre mds:/c rw,localflock
a line of a later kernel
"""


@pytest.mark.parametrize(
    ("folder", "kind", "why"),
    [
        ("/data", "ext4", ""),
        ("/mnt/data", "nfs4", ""),
        ("/mnt/two words/data", "nfs", "nfs, mounted with local_lock=all and nolock"),
        ("/objects", "fuse.s3fs", "fuse.s3fs, which passes no locks on"),
        ("/lustre/data", "lustre", ""),
        ("/mine/data", "lustre", "lustre, mounted with localflock"),
    ],
)
def test_locks_that_stay_on_one_machine_are_known_by_the_mount(tmp_path, folder, kind, why):
    mount = mount_of(tmp_path.__class__(folder), TABLE)
    assert mount.kind == kind
    assert why_locks_stay_local(mount) == why


def test_where_the_system_does_not_say_nothing_is_held_against_a_folder(tmp_path):
    assert why_locks_stay_local(mount_of(tmp_path, "")) == ""
    assert why_locks_stay_local(Mount("ext4", frozenset())) == ""
    assert why_locks_stay_local(mount_of(tmp_path)) == ""


def test_locks_that_hold_are_believed_and_nothing_is_left(tmp_path):
    check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_locks_that_keep_nobody_out_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.raises(
        ConfigError, match=r"locks do not hold .* point CDISCOUNT_DATA at a file system whose locks hold"
    ):
        check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(ConfigError, match=r"has no locks .*; point CDISCOUNT_DATA at one that has"):
        check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_clock_is_compared_with_the_time_of_a_file(tmp_path, monkeypatch):
    assert abs(clock_ahead_s(tmp_path)) < 1
    now = time.time
    monkeypatch.setattr(data_root.time, "time", lambda: now() + 300)
    assert clock_ahead_s(tmp_path) == pytest.approx(300, abs=5)
    monkeypatch.setattr(data_root.time, "time", lambda: now() - 300)
    assert clock_ahead_s(tmp_path) == pytest.approx(-300, abs=5)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_when_the_clock_is_read(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="the disk is full"):
        clock_ahead_s(tmp_path)
