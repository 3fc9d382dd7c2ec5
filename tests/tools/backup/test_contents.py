import pytest

from cdiscount_tasks.errors import DataError
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
