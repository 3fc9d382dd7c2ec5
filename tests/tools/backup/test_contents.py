import errno
import os

import pytest

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import history
from tools.backup.contents import find_contents


def names_of(machine):
    found = find_contents(machine.environment)
    return {item.name for item in found.files} | set(found.registries), found


def below(machine, folder):
    """Return the names that the files of a folder of the data root have in an archive."""
    return {
        f"data/{path.relative_to(machine.root.path).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_registry_reports_fixes_and_what_the_champion_needs_are_backed_up(machine):
    names, found = names_of(machine)
    for folder in (*machine.one.values(), machine.root.run_dir("one"), machine.root.path / "registry"):
        assert below(machine, folder) <= names
    assert {"reports/wine/" + machine.root.run_dir(run).name + "/manifest.json" for run in ("one", "two")} <= names
    assert "label_fixes/wine.csv" in names
    assert found.left_out == []


def test_what_is_made_again_is_left_out(machine):
    stray = machine.root.artifact("samples/wine", "features", "nobody's")
    names, _ = names_of(machine)
    for folder in (stray, machine.two["model"], machine.root.run_dir("two")):
        assert not below(machine, folder) & names


def test_locks_parts_and_links_are_left_out(machine):
    reports = machine.environment.reports_dir
    (reports / "wine" / ".half.part").mkdir()
    (reports / "wine" / ".half.part" / "report.html").write_text("half")
    (reports / "linked").symlink_to(machine.path)
    names, _ = names_of(machine)
    assert not [name for name in names if "/." in name or "half" in name or "linked" in name]


@pytest.mark.parametrize("damage", ["model", "report"])
def test_a_damaged_artifact_is_left_out_and_named(machine, damage):
    report = machine.environment.reports_dir / "wine" / machine.root.run_dir("one").name
    path = machine.one["model"] / "model.keras" if damage == "model" else report / "metrics.json"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    names, found = names_of(machine)
    assert not [name for name in names if f"/{path.parent.name}/" in name and "runs/" not in name]
    (sentence,) = found.left_out
    assert str(path) in sentence


def test_a_damaged_history_is_refused(machine):
    path = machine.root.path / "registry" / "wine" / "history.jsonl"
    path.write_bytes(path.read_bytes().replace(b"first", b"worst"))
    with pytest.raises(DataError, match="line 1 cannot be read"):
        find_contents(machine.environment)


def test_a_machine_without_anything_has_nothing_to_back_up(machine, tmp_path):
    machine.path.rename(tmp_path / "gone")
    (machine.path / "fixes").mkdir(parents=True)
    names, found = names_of(machine)
    assert (names, found.left_out, found.num_bytes) == (set(), [], 0)


@pytest.fixture
def no_writing(monkeypatch):
    """Return what lets each lock end with a fault of the system."""

    def no_writing(code):
        def fail(path, *_, **__):
            raise OSError(code, os.strerror(code), str(path))

        monkeypatch.setattr(history, "lock", fail)

    return no_writing


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_snapshot_that_cannot_be_written_is_backed_up_alike(machine, no_writing, code):
    before, _ = names_of(machine)
    no_writing(code)
    names, found = names_of(machine)
    assert names == before
    assert (found.whole_champions, found.left_out) == (["wine"], [])


def test_a_full_disk_is_no_reason_to_read_without_a_lock(machine, no_writing):
    no_writing(errno.ENOSPC)
    with pytest.raises(ConfigError, match="the disk is full"):
        find_contents(machine.environment)
