import shutil

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import read_environment
from tools.airflow.home import ToolError
from tools.backup import archive, backup, database, restore


def test_an_archive_is_written_and_what_is_in_it_is_said(machine, capsys):
    assert backup.main() == 0
    (path,) = machine.to.iterdir()
    files = archive.check_archive(path)
    assert {"data/registry/wine/history.jsonl", "label_fixes/wine.csv", database.SQLITE} <= files.keys()
    told = capsys.readouterr().out
    assert f"{path}: " in told
    assert f"{len(files) - 1} files and the database, in " in told
    assert "not in it: Airflow's keys" in told


def test_without_a_database_that_is_said(machine, capsys):
    (machine.path / "home" / "airflow.db").unlink()
    assert backup.main() == 0
    assert "no database of Airflow in " in capsys.readouterr().out


def test_a_database_that_is_not_wanted_is_not_looked_at(machine, monkeypatch, capsys):
    (machine.path / "home" / "airflow.db").write_text("no database")
    monkeypatch.setenv("DATABASE", "no")
    assert backup.main() == 0
    assert "without a database" in capsys.readouterr().out


def test_what_is_damaged_is_left_out_said_and_is_the_exit_status(machine, capsys):
    (machine.one["labels"] / "rows.bin").write_bytes(b"y" * 1000)
    assert backup.main() == 1
    assert f"left out: {machine.one['labels'] / 'rows.bin'}: its hash is " in capsys.readouterr().err
    assert not [name for name in archive.check_archive(next(machine.to.iterdir())) if "labels-" in name]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("", "TO is '', expected a folder"),
        ("nowhere/at/all", "no such folder, expected a folder on a different disk"),
        ("fixes/wine.csv", "it is a file, expected a folder on a different disk"),
        ("reports", "is in "),
    ],
)
def test_a_folder_that_does_not_do_is_refused(machine, monkeypatch, to, words):
    monkeypatch.setenv("TO", str(machine.path / to) if to else "")
    with pytest.raises(ToolError, match=words):
        backup.main()


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(machine, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(ToolError, match=r"0 MB are free, expected 0 MB for the archive"):
        backup.main()
    assert list(machine.to.iterdir()) == []


def test_a_disk_that_gets_full_meanwhile_leaves_nothing(machine, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.Writer, "add_bytes", full)
    with pytest.raises(ConfigError, match="the disk is full: free space there or point TO at another disk"):
        backup.main()
    assert list(machine.to.iterdir()) == []


def test_a_word_that_is_no_no_is_refused(machine, monkeypatch):
    monkeypatch.setenv("DATABASE", "none")
    with pytest.raises(ToolError, match="DATABASE is 'none', expected no"):
        backup.main()


def test_a_data_folder_that_is_not_there_is_refused(machine, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_DATA", str(machine.path / "dota"))
    with pytest.raises(
        ToolError, match=r"dota: no such folder, expected the data folder .*; set CDISCOUNT_DATA, .*cron"
    ):
        backup.main()
    assert list(machine.to.iterdir()) == []


def test_a_place_with_nothing_to_keep_is_refused(machine, monkeypatch):
    for name in ("DATA", "REPORTS", "LABEL_FIXES"):
        folder = machine.path / "empty" / name
        folder.mkdir(parents=True)
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(folder))
    with pytest.raises(ToolError, match="DATA: there is no registry, no report and no label fix, expected the data"):
        backup.main()
    assert list(machine.to.iterdir()) == []


def test_without_the_catalogue_s_variable_the_demo_that_is_not_there_is_refused_with_the_way(machine, monkeypatch):
    monkeypatch.delenv("CDISCOUNT_CATALOGUE")
    words = (
        r"data/demo: no such folder, .*data, of a catalogue of your own, has registries \(wine\): .* set CDISCOUNT_CAT"
    )
    with pytest.raises(ToolError, match=words):
        backup.main()


def test_whose_data_and_which_champions_are_in_an_archive_is_said(machine, capsys):
    assert backup.main() == 0
    told = capsys.readouterr().out
    assert (
        f"of {machine.root.path}, the data folder of a catalogue of your own; samples with their champion: wine" in told
    )


@pytest.mark.parametrize("step", ["model", "evaluation", "labels", "sample"])
def test_a_champion_that_lacks_something_is_not_said_to_be_in_an_archive(machine, capsys, step):
    next(path for path in sorted(machine.one[step].iterdir()) if path.name != "manifest.json").write_bytes(b"y")
    assert backup.main() == 1
    assert "samples with their champion: none" in capsys.readouterr().out


def test_the_demo_s_registries_are_said_to_be_left_out(machine, capsys):
    shutil.copytree(machine.root.path / "registry", machine.root.path / "demo" / "registry")
    assert backup.main() == 0
    told = capsys.readouterr().out
    assert "data/demo, of the demo's drawn catalogue, has registries (wine): to back up these, unset CDISCOUNT_" in told


def test_own_registries_that_are_left_out_since_a_variable_is_unset_are_the_exit_status(machine, monkeypatch, capsys):
    demo = machine.root.path / "demo"
    for name in ("registry", "samples", "catalogues"):
        shutil.copytree(machine.root.path / name, demo / name)
    monkeypatch.delenv("CDISCOUNT_CATALOGUE")
    assert backup.main() == 1
    told = capsys.readouterr()
    assert f"of {demo}, the data folder of the demo's drawn catalogue; samples with their champion: wine" in told.out
    assert f"left out: {machine.root.path}, of a catalogue of your own, has registries (wine): " in told.err


@pytest.fixture
def in_buckets(machine, bucket, tmp_path, monkeypatch):
    """Let the machine's data and reports be in a bucket."""
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache"))
    for name in ("DATA", "REPORTS"):
        monkeypatch.setenv(f"CDISCOUNT_{name}", f"{bucket}/{name.lower()}")
    return bucket


def test_what_is_in_a_bucket_is_said_to_stay_there(machine, in_buckets, capsys):
    assert backup.main() == 0
    said = capsys.readouterr().out
    assert f"not in it: {in_buckets}/data, which CDISCOUNT_DATA names. The bucket is the only copy: let it" in said
    assert f"not in it: {in_buckets}/reports, which CDISCOUNT_REPORTS names" in said
    (path,) = machine.to.iterdir()
    files = archive.check_archive(path)
    assert {name.split("/")[0] for name in files} == {"label_fixes", "database"}


def test_beside_buckets_a_back_up_of_nothing_is_refused(machine, in_buckets, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("CDISCOUNT_LABEL_FIXES", str(tmp_path / "empty"))
    monkeypatch.setenv("DATABASE", "no")
    with pytest.raises(ToolError, match=r"s3://.*/data and s3://.*/reports: .* neither a label fix nor a database"):
        backup.main()
    assert list(machine.to.iterdir()) == []


def test_an_archive_of_nothing_is_not_restored(machine, tmp_path, monkeypatch):
    path = tmp_path / "empty.tar"
    with archive.writing(path, backup.head_of(read_environment(), None)):
        pass
    monkeypatch.setenv("FROM", str(path))
    with pytest.raises(ToolError, match=r"empty\.tar: the archive holds no file"):
        restore.main()


def test_an_archive_of_folders_is_not_restored_where_they_are_buckets(machine, bucket, tmp_path, monkeypatch):
    assert backup.main() == 0
    (path,) = machine.to.iterdir()
    monkeypatch.setenv("FROM", str(path))
    monkeypatch.setenv("DATABASE", "no")
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CDISCOUNT_DATA", f"{bucket}/data")
    with pytest.raises(ToolError, match=r"has data, and CDISCOUNT_DATA is s3://.* a restore writes into no bucket"):
        restore.main()
