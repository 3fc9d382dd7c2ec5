"""What the dead left is removed, what the living write is not: also where locks do not reach."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts import locks
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.locks import DEAD_AFTER_S, heartbeat, lock, part_path, remove_dead_parts
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.artifacts.publish import Made, build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import PROJECT_DIR

RECIPE = Recipe("thing", 1, {}, {}, {}, {})
BUILDER = """
import fcntl, sys, time
from pathlib import Path
fcntl.flock = lambda *_: None  # a file system that keeps locks to itself
from cdiscount_tasks.artifacts.recipe import Recipe; from cdiscount_tasks.artifacts.publish import Made, build_artifact
def write(part_dir):
    (part_dir / "data.txt").write_text("whole")
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
    return Made({"num_rows": 5})
print(build_artifact(Path(sys.argv[1]), Recipe("thing", 1, {}, {}, {}, {}), write)["reused"], flush=True)
"""


def write_data(part_dir):
    (part_dir / "data.txt").write_text("whole")
    return Made({"num_rows": 5})


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


@pytest.fixture
def start(tmp_path):
    """Start a process that builds thing-1 without locks that others see, and wait until it writes."""
    started = []

    def start_builder(seconds):
        command = [sys.executable, "-c", BUILDER, str(tmp_path / "thing-1"), str(seconds)]
        builder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR)
        started.append(builder)
        assert builder.stdout.readline() == "writing\n"
        return builder

    yield start_builder
    for builder in started:
        builder.kill()
        builder.communicate(timeout=60)


@pytest.fixture
def elsewhere(monkeypatch):
    """Name parts as another machine does."""

    def name(path):
        with monkeypatch.context() as patch:
            patch.setattr(locks, "_machine", lambda: "0123abcd")
            return part_path(path)

    return name


def test_where_locks_do_not_reach_the_part_of_a_live_builder_is_left_and_both_end_with_one_artifact(start, tmp_path):
    first = start(2)
    assert build_artifact(tmp_path / "thing-1", RECIPE, write_data)["reused"] in (True, False)
    assert first.communicate(timeout=60)[0] in ("True\n", "False\n")
    assert first.returncode == 0
    assert verify_artifact(tmp_path / "thing-1") == 1
    assert names_in(tmp_path) == ["thing-1"]


def test_where_locks_do_not_reach_the_second_of_two_uses_what_the_first_made(start, tmp_path):
    first = start(0.5)

    def write_slowly(part_dir):
        assert first.communicate(timeout=60)[0] == "False\n"
        return write_data(part_dir)

    assert build_artifact(tmp_path / "thing-1", RECIPE, write_slowly)["reused"] is True
    assert names_in(tmp_path) == ["thing-1"]


def test_the_part_of_a_killed_builder_is_removed_even_before_its_parent_has_seen_it_die(start, tmp_path):
    first = start(60)
    first.kill()
    time.sleep(0.2)
    build_artifact(tmp_path / "thing-1", RECIPE, write_data)
    assert names_in(tmp_path) == ["thing-1"]


@pytest.mark.parametrize(("age_s", "is_left"), [(0, True), (DEAD_AFTER_S - 60, True), (DEAD_AFTER_S + 60, False)])
@pytest.mark.parametrize("forward", [1, -1])
def test_a_part_of_another_machine_is_removed_once_it_has_not_moved_for_an_hour(
    tmp_path, elsewhere, age_s, is_left, forward
):
    part = elsewhere(tmp_path / "thing-1")
    part.mkdir()
    moved = time.time() - forward * age_s
    os.utime(part, (moved, moved))
    build_artifact(tmp_path / "thing-1", RECIPE, write_data)
    assert part.exists() is is_left


def test_the_hour_is_that_of_the_file_system_not_of_this_machines_clock(tmp_path, elsewhere, monkeypatch):
    part = elsewhere(tmp_path / "thing-1")
    part.mkdir()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    build_artifact(tmp_path / "thing-1", RECIPE, write_data)
    assert part.exists()


def test_a_part_that_is_being_written_moves(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.05)
    os.utime(tmp_path, (1, 1))
    with heartbeat(tmp_path):
        time.sleep(0.5)
    assert tmp_path.stat().st_mtime > 1


def test_a_process_number_that_was_given_to_another_is_no_sign_of_life(tmp_path):
    own = part_path(tmp_path / "a")
    own.touch()
    machine, process, _, number = own.name.split(".")[2].split("-")
    other = own.with_name(f".a.{machine}-{process}-1-{number}.part")  # since then its number has been given to us
    other.touch()
    remove_dead_parts(own, tmp_path / "a")
    assert names_in(tmp_path) == [own.name] or not Path("/proc/self/stat").exists()


def test_the_next_writer_of_a_file_removes_what_a_killed_one_left(tmp_path):
    code = """
import os, sys
from pathlib import Path
from cdiscount_tasks.artifacts.files import replace_file
def write(aside):
    aside.write_text("half")
    os.kill(os.getpid(), 9)
replace_file(Path(sys.argv[1]), write)
"""
    for name in ("config.json", "artifacts.json"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False, cwd=PROJECT_DIR)
    assert [name.endswith(".part") for name in names_in(tmp_path)] == [True, True]
    for name in ("config.json", "artifacts.json"):
        replace_file(tmp_path / name, lambda aside: aside.write_text("whole"))
    assert names_in(tmp_path) == ["artifacts.json", "config.json"]


def test_the_longest_name_of_a_report_leaves_room_for_its_builder(tmp_path):
    assert len(part_path(tmp_path / ("a" * 207)).name) <= 255
    rebuild_artifact(tmp_path / ("a" * 207), RECIPE, write_data)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
@pytest.mark.parametrize("setting", ["CDISCOUNT_DATA", "CDISCOUNT_REPORTS"])
def test_a_file_system_without_locks_is_a_sentence(tmp_path, monkeypatch, code, setting):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(
        ConfigError, match=rf"file system of this folder has no locks .* point {setting} at one that has"
    ):
        rebuild_artifact(tmp_path / "thing-1", RECIPE, write_data, setting)
    assert names_in(tmp_path) == []


def test_several_share_a_lock_and_who_wants_it_alone_waits(tmp_path):
    path = tmp_path / "a.lock"
    with lock(path, "a", shared=True), lock(path, "a", shared=True), locks.lock_if_free(path) as alone:
        assert not alone
    with locks.lock_if_free(path) as alone:
        assert alone


@pytest.mark.parametrize("moves", [True, False])
def test_a_part_that_moves_though_its_lock_is_ours_shows_that_locks_do_not_hold(
    tmp_path, elsewhere, monkeypatch, caplog, moves
):
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.01)
    part_dir, other = part_path(tmp_path / "model-1"), elsewhere(tmp_path / "model-1")
    unlike = elsewhere(tmp_path / "model-12")
    for folder in (part_dir, other, unlike):
        folder.mkdir()

    with heartbeat(part_dir):
        until = time.monotonic() + 5
        while time.monotonic() < until and "locks do not hold between machines" not in caplog.text:
            os.utime(unlike)
            if moves:
                os.utime(other)
            elif time.monotonic() > until - 4.8:
                break
            time.sleep(0.005)

    assert (f"is written by another machine at this moment ({other.name})" in caplog.text) == moves
    assert caplog.text.count("locks do not hold between machines") == moves
