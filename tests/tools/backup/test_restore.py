import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.catalogue_note import CatalogueNote, read_note, write_note
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import promotion, registry, replay
from cdiscount_tasks.settings.environment import read_environment
from tests.material.registry_models import environment_in, judged_as
from tests.tools.backup.conftest import read_database, use, write_database
from tools import champion
from tools.airflow.home import CONNECTION, ToolError
from tools.backup import archive, backup, database, restore
from tools.verify import verify


@pytest.fixture
def archived(machine, monkeypatch):
    """Return the machine with an archive of it, which FROM names."""
    assert backup.main() == 0
    (machine.archive,) = machine.to.iterdir()
    return machine


@pytest.fixture
def there(archived, move, monkeypatch):
    """Return an empty machine, to which FROM brings the archive."""
    path = move()
    monkeypatch.setenv("FROM", str(archived.archive))
    return path


def bytes_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def nothing_in(folder):
    return not folder.exists() or not bytes_of(folder)


def test_an_empty_machine_has_the_same_champion_reports_fixes_and_database(archived, there):
    before = registry.champion("wine", archived.environment)
    restore.main()
    environment = environment_in(there)
    now = registry.champion("wine", environment)
    assert (now.run_id, now.since, now.decision, now.classes) == (
        before.run_id,
        before.since,
        before.decision,
        before.classes,
    )
    assert now.path == environment.data_dir / before.path.relative_to(archived.root.path)
    assert registry.history("wine", environment) == registry.history("wine", archived.environment)
    for name in ("reports", "fixes", "data/registry"):
        assert bytes_of(there / name) == bytes_of(archived.path / name)
    assert read_database(there / "home" / "airflow.db") == [0, 1, 2]
    assert verify([environment.data_dir, environment.reports_dir]) == 0


def test_times_are_those_of_then(archived, there):
    restore.main()
    name = f"data/samples/wine/runs/{archived.root.run_dir('one').name}/config.json"
    assert (there / name).stat().st_mtime == pytest.approx((archived.path / name).stat().st_mtime, abs=1e-3)


def test_nothing_but_what_was_restored_is_left(there):
    restore.main()
    assert [path for path in there.rglob("*") if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("data/registry/wine/history.jsonl", r"data: holds registry already, expected a place that is empty"),
        ("data/predictions/wine/x", r"data: holds predictions already"),
        ("data/samples/wine/.model-1.part/model.keras", r"data: holds samples already"),
        ("reports/tea/report.html", r"reports: holds tea already, .* with CDISCOUNT_REPORTS"),
        ("fixes/tea.csv", r"fixes: holds tea\.csv already, .* with CDISCOUNT_LABEL_FIXES"),
        ("home/airflow.db", r"airflow\.db: is not empty, expected an empty database"),
    ],
)
def test_a_place_that_is_not_empty_is_refused_and_nothing_is_written(there, path, words):
    (there / path).parent.mkdir(parents=True, exist_ok=True)
    (there / path).write_text("something else")
    before = bytes_of(there)
    with pytest.raises(ToolError, match=words):
        restore.main()
    assert bytes_of(there) == before


def test_empty_folders_locks_and_the_catalogue_are_no_hindrance(there):
    for path in ("data/samples/wine/.labels-1.lock", "data/demo/catalogue.bson", "reports/wine/.x.lock"):
        (there / path).parent.mkdir(parents=True, exist_ok=True)
        (there / path).touch()
    restore.main()
    assert registry.champion("wine", environment_in(there)).run_id == "one"


def test_what_a_stopped_restore_has_put_in_place_stays_and_the_rest_follows(there, monkeypatch):
    place, left = restore._put_in_place, [2]

    def stopped(part, folder):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        place(part, folder)

    monkeypatch.setattr(restore, "_put_in_place", stopped)
    with pytest.raises(KeyboardInterrupt):
        restore.main()
    assert nothing_in(there / "data")
    fixes = there / "fixes" / "wine.csv"
    was = fixes.stat().st_ino
    monkeypatch.setattr(restore, "_put_in_place", place)
    restore.main()
    assert fixes.stat().st_ino == was
    assert registry.champion("wine", environment_in(there)).run_id == "one"


def test_a_restore_that_was_killed_leaves_parts_that_the_next_removes(there, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "_unpack", killed)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as if nothing ran after the kill
    with pytest.raises(KeyboardInterrupt):
        restore.main()
    (part,) = (there / "data").glob(".restore.*.part")
    monkeypatch.undo()
    machine, _, rest = part.name.removeprefix(".restore.").partition("-")
    dead = part.with_name(f".restore.{machine}-999999999-1-{rest.split('-')[-1]}")
    part.rename(dead)
    os.utime(dead, (0, 0))
    restore._make_part(there / "data").rmdir()
    assert not dead.exists()


def test_a_broken_archive_is_refused_and_nothing_is_written(archived, there):
    content = bytearray(archived.archive.read_bytes())
    name = f"data/samples/wine/{archived.one['labels'].name}/rows.bin"
    content[content.index(b"x" * 100, content.index(name.encode()))] ^= 0xFF
    archived.archive.write_bytes(content)
    with pytest.raises(DataError, match="copy it again, or take a different archive"):
        restore.main()
    assert nothing_in(there / "data")
    assert nothing_in(there / "reports")


def test_an_archive_that_changes_while_it_is_restored_is_refused(archived, there, monkeypatch):
    check = archive.check_archive

    def check_then_change(path):
        files = check(path)
        content = bytearray(path.read_bytes())
        content[content.index(b"1,1000000011,a bottle")] = ord("2")
        path.write_bytes(content)
        return files

    monkeypatch.setattr(archive, "check_archive", check_then_change)
    with pytest.raises(DataError, match=r"label_fixes/wine\.csv in it was changed while it was restored"):
        restore.main()
    assert nothing_in(there / "data")


def test_a_newer_airflow_s_database_is_refused_and_can_be_left_out(there, monkeypatch, archived):
    monkeypatch.setattr(restore.metadata, "version", lambda _: "3.2.9")
    with pytest.raises(ToolError, match=r"its database is of Airflow 3\.\d+\.\d+, expected at most 3\.2\.9"):
        restore.main()
    monkeypatch.setenv("DATABASE", "no")
    restore.main()
    assert not (there / "home" / "airflow.db").exists()
    assert registry.champion("wine", environment_in(there)).run_id == "one"


def test_a_database_of_another_kind_is_refused(there, monkeypatch):
    monkeypatch.setenv(CONNECTION, "postgresql+psycopg2://ann:s3cret@127.0.0.1:1/airflow")
    with pytest.raises(
        ToolError, match=r"the archive has database/airflow\.db, and Airflow's database here is postgres"
    ) as refused:
        restore.main()
    assert "users and connections behind: create an empty database here, `airflow db migrate`, then" in str(
        refused.value
    )
    assert str(refused.value).endswith("`make restore FROM=... DATABASE=no`")


def test_an_archive_of_a_real_catalogue_is_not_restored_as_the_demo_s(there, monkeypatch):
    monkeypatch.delenv("CDISCOUNT_CATALOGUE")
    with pytest.raises(ToolError, match=r"this machine is set to the demo's drawn catalogue: set CDISCOUNT_CATALOGUE"):
        restore.main()


def test_a_disk_that_is_too_small_is_refused(there, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(ToolError, match=r"MB are free, expected .* for what is restored"):
        restore.main()
    assert nothing_in(there / "data")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "FROM is '', expected an archive"),
        ("nowhere", "no such file, expected an archive"),
        (".", "it is a folder, expected an archive"),
    ],
)
def test_what_is_no_archive_is_refused(machine, monkeypatch, name, words):
    monkeypatch.setenv("FROM", str(machine.to / name) if name else "")
    with pytest.raises(ToolError, match=words):
        restore.main()


def test_a_dump_of_postgresql_goes_to_its_programs_and_is_removed(there, monkeypatch, archived):
    monkeypatch.setattr(restore, "_check_head", lambda *_: database.SQLITE)
    target, seen = database.Database(database.SQLITE, None, "postgresql://ann@127.0.0.1/airflow"), []
    monkeypatch.setattr(restore, "_check_database", lambda _: target)
    monkeypatch.setattr(database, "load", lambda found, path: seen.append((found, read_database(path))))
    restore.main()
    assert seen == [(target, [0, 1, 2])]
    assert not [path for path in Path(read_environment().work_dir).iterdir() if path.name.startswith(".database")]


@pytest.mark.parametrize("wanted", ["", "no"])
def test_the_data_folder_has_the_rights_of_any_new_folder_and_a_database_s_home_its_owner_s(there, monkeypatch, wanted):
    monkeypatch.setenv("DATABASE", wanted)
    (there / "new").mkdir()
    restore.main()
    rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in there.iterdir()}
    assert rights["data"] == rights["reports"] == rights["new"]
    assert rights.get("home", 0o700) == 0o700


def test_a_place_that_cannot_be_written_leaves_no_parts_in_the_others(there, monkeypatch):
    make = restore._make_part

    def fail(folder):
        if folder == there / "data":
            raise OSError(errno.EROFS, "Read-only file system", str(folder))
        return make(folder)

    monkeypatch.setattr(restore, "_make_part", fail)
    with pytest.raises(ConfigError, match="data: the file system is read-only: point CDISCOUNT_DATA elsewhere"):
        restore.main()
    assert list(there.rglob("*.part")) == []


def test_a_place_that_cannot_be_written_is_named_with_its_own_variable(there, monkeypatch):
    def fail(folder):
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr(restore, "_make_part", fail)
    with pytest.raises(ConfigError, match="fixes: the file system is read-only: point CDISCOUNT_LABEL_FIXES elsewhere"):
        restore.main()


def test_sqlite_is_not_written_over(there):
    restore.main()
    write_database(there / "other" / "airflow.db")
    with pytest.raises(ToolError, match="is not empty"):
        restore.main()


def test_a_catalogue_that_holds_a_sample_s_pictures_is_named_where_it_is_missing(machine, move, monkeypatch, capsys):
    write_note(machine.one["sample"], CatalogueNote(machine.path / "train.bson", 10))
    assert backup.main() == 0
    assert f"not in it: {machine.path / 'train.bson'}, in which 1 sample has pictures" in capsys.readouterr().out
    there = move()
    monkeypatch.setenv("FROM", str(next(machine.to.iterdir())))
    restore.main()
    assert f"{machine.path / 'train.bson'}: 1 sample has the pictures there; put the cat" in capsys.readouterr().out
    assert read_note(there / "data/samples/wine" / machine.one["sample"].name).num_bytes == 10


@pytest.mark.training
def test_a_real_champion_answers_alike_after_a_restore(
    machine, move, monkeypatch, capsys, sample_dir, labels_dir, model_dir, evaluation_dir
):
    monkeypatch.undo()  # this one is loaded by a network
    environment = machine.environment
    here = move("here")
    at = {"sample": sample_dir, "labels": labels_dir, "model": model_dir, "evaluation": evaluation_dir}
    for folder in at.values():
        shutil.copytree(folder, environment.work_dir / "samples" / "tiny" / folder.name)
    parts = {step: f"samples/tiny/{folder.name}" for step, folder in at.items()}
    candidate = machine.root.candidate("one", machine.one)
    candidate = candidate.model_copy(update={**parts, "sample_name": "tiny"})
    promotion.promote(candidate, judged_as("first"), expected=None, who="rule", environment=environment)
    monkeypatch.setenv("TO", str(machine.to))
    assert backup.main() == 0
    there = move()
    monkeypatch.setenv("FROM", str(next(machine.to.iterdir())))
    restore.main()
    told = {}
    for path in (here, there):
        use(path, monkeypatch)
        monkeypatch.setenv("SAMPLE", "tiny")
        capsys.readouterr()
        assert champion.main() == 0
        told[path] = capsys.readouterr().out.replace(str(path), "")
    assert told[here] == told[there]
    replayed = replay.replay(*(there / "data" / parts[step] for step in ("model", "evaluation", "sample")))
    assert replayed.num_images > 4
    assert replayed.max_difference <= 1e-5
