import shutil

import pytest

from cdiscount_tasks.errors import ConfigError
from tools.airflow.home import ToolError
from tools.backup import archive, backup, database


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
    ("to", "words"), [("", "TO is '', expected a folder"), ("/nowhere/at/all", "no such folder"), ("reports", "is in ")]
)
def test_a_folder_that_does_not_do_is_refused(machine, monkeypatch, to, words):
    monkeypatch.setenv("TO", str(machine.path / to) if to == "reports" else to)
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
