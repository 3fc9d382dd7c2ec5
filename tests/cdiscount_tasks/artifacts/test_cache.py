import os
import subprocess
import sys

import pytest

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest
from cdiscount_tasks.artifacts.mirror import forget_tag
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.places import cache_bytes
from tests.material.machines import Machines, writer

SIZE = 1000
HOLDER = """
import sys
from pathlib import Path
from cdiscount_tasks.artifacts.manifest import read_manifest
read_manifest(Path(sys.argv[1]))
print("opened", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path, bucket):
    machines = Machines(tmp_path, f"{bucket}/data", 1)
    machines.made = []
    return machines


@pytest.fixture(autouse=True)
def nothing_held():
    """Let go of what other tests have opened in this process."""
    yield
    let_go()


def let_go():
    for file in cache._opened.values():
        file.close()
    cache._opened.clear()


def make(machine, number):
    """Make another artifact of SIZE bytes, opened later than those before."""
    recipe = Recipe("thing", 1, {"number": number}, {}, {}, {})
    folder = recipe.dir_in(machine[0])
    build_artifact(folder, recipe, writer("x" * SIZE))
    os.utime(cache._record(cache.place_in(folder, MANIFEST)), (number, number))
    machine.made.append(folder)
    return folder


def whole(machine):
    return [folder.name for folder in machine.made if (folder / "data.txt").exists()]


def test_without_a_bound_nothing_goes(machine, monkeypatch):
    monkeypatch.delenv("CDISCOUNT_CACHE_GB", raising=False)
    made = [make(machine, number) for number in range(3)]
    let_go()
    cache.make_room(made[0])
    assert len(whole(machine)) == 3


def test_what_was_opened_longest_ago_goes_first_and_is_fetched_again(machine, monkeypatch):
    made = [make(machine, number) for number in range(1, 5)]
    let_go()
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", str(2.5 * SIZE / 1e9))
    cache.make_room(made[0])
    assert whole(machine) == [folder.name for folder in made[2:]]
    assert (made[0] / MANIFEST).exists()
    read_manifest(made[0])
    assert (made[0] / "data.txt").read_text() == "x" * SIZE


def test_what_a_process_has_opened_stays_until_it_ends(machine, monkeypatch):
    made = [make(machine, number) for number in range(1, 4)]
    let_go()
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", str(1.5 * SIZE / 1e9))
    command = [sys.executable, "-c", HOLDER, str(made[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_DIR, text=True) as holder:
        assert holder.stdout.readline() == "opened\n"
        cache.make_room(made[0])
        assert whole(machine) == [made[0].name]
        holder.communicate("")
    os.utime(cache._record(cache.place_in(made[0], MANIFEST)), (1, 1))
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", str(0.5 * SIZE / 1e9))
    cache.make_room(made[0])
    assert whole(machine) == []


def test_what_is_nowhere_else_stays(machine, monkeypatch):
    folder = make(machine, 1)
    let_go()
    cache.note_opened(folder)
    let_go()
    forget_tag(cache.place_in(folder, MANIFEST))
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", str(0.5 * SIZE / 1e9))
    cache.make_room(folder)
    assert whole(machine) == [folder.name]


def test_a_cache_that_is_all_in_use_is_told(machine, monkeypatch, caplog):
    folder = make(machine, 1)
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", str(0.5 * SIZE / 1e9))
    read_manifest(folder)
    cache.make_room(folder)
    assert whole(machine) == [folder.name]
    has, allowed = f"{SIZE / 1e6:,.1f} MB", f"{0.5 * SIZE / 1e6:,.1f} MB"
    assert f"has {has} of artifacts, more than the {allowed} that CDISCOUNT_CACHE_GB allows, and all" in caplog.text
    assert "unset it for no bound" in caplog.text


def test_a_process_that_looks_at_many_holds_the_last_ones(machine, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_HELD", 2)
    made = [make(machine, number) for number in range(4)]
    for folder in made:
        read_manifest(folder)
    assert list(cache._opened) == made[2:]


@pytest.mark.parametrize(("text", "expected"), [("1.5", 1_500_000_000), ("", None), ("many", None)])
def test_the_bound_is_in_gigabytes(monkeypatch, text, expected):
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", text)
    assert cache_bytes() == expected
