import sqlite3
from contextlib import closing

import pytest

from tests.tools.backup.conftest import read_database, write_database
from tools.airflow.home import CONNECTION, ToolError
from tools.backup import database

ADDRESS = "postgresql+psycopg2://ann:s3cret@127.0.0.1:5433/airflow?sslmode=disable"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return what puts a script in the place of PostgreSQL's programs; its log has how each was called."""

    def give(script):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name in ("psql", "pg_dump", "pg_restore"):
            (folder / name).write_text(f'#!/bin/sh\necho "$(basename $0) $@ [$PGPASSWORD]" >> {folder}/log\n{script}\n')
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return folder / "log"

    monkeypatch.setenv(CONNECTION, ADDRESS)
    return give


def test_sqlite_is_dumped_while_it_is_being_written_and_comes_back(tmp_path, monkeypatch):
    monkeypatch.delenv(CONNECTION, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    found = database.the_database()
    assert (found.dump_name, database.exists(found)) == (database.SQLITE, False)
    write_database(found.path)
    with closing(sqlite3.connect(found.path)) as writer:
        writer.execute("INSERT INTO dag_run VALUES (99)")  # not yet committed
        database.dump(found, tmp_path / "dump")
    found.path.unlink()
    (found.path.parent / "migrated").write_text("3.3.2")
    database.load(found, tmp_path / "dump")
    assert read_database(found.path) == [0, 1, 2]
    assert not (found.path.parent / "migrated").exists()


@pytest.mark.parametrize("end", ["", "-wal", "-journal"])
def test_what_sqlite_would_mix_into_a_restored_file_counts_as_something(tmp_path, end):
    (tmp_path / f"airflow.db{end}").touch()
    assert database.exists(database.Database(database.SQLITE, tmp_path / "airflow.db"))


def test_a_file_that_is_no_database_is_a_sentence(tmp_path):
    path = tmp_path / "airflow.db"
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(ToolError, match=r"airflow\.db: cannot be read .* leave it out with DATABASE=no"):
        database.dump(database.Database(database.SQLITE, path), tmp_path / "dump")


def test_the_password_is_in_no_command_line_and_in_no_sentence(tmp_path, programs):
    log = programs("echo refused >&2; exit 1")
    found = database.the_database()
    assert found.shown == "postgresql://ann@127.0.0.1:5433/airflow?sslmode=disable"
    with pytest.raises(ToolError, match=r"pg_dump of postgresql://ann@.* failed: refused") as error:
        database.dump(found, tmp_path / "dump")
    assert "s3cret" not in str(error.value)
    (line,) = log.read_text().splitlines()
    assert line.endswith("[s3cret]")
    assert "s3cret" not in line.removesuffix("[s3cret]")


@pytest.mark.parametrize(("answer", "there"), [("0", False), ("57", True)])
def test_a_database_with_tables_is_not_empty(programs, answer, there):
    programs(f"echo {answer}")
    assert database.exists(database.the_database()) is there


def test_programs_that_are_missing_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv(CONNECTION, ADDRESS)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"psql is not installed, .*on Debian `postgresql-client`"):
        database.exists(database.the_database())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://ann:s3cret@127.0.0.1/airflow", "names a database of mysql, expected sqlite or postgresql"),
        ("s3cret", "is no address of a database"),
        ("sqlite://", "names a database of sqlite"),
    ],
)
def test_a_database_of_another_kind_is_refused(monkeypatch, address, words):
    monkeypatch.setenv(CONNECTION, address)
    with pytest.raises(ToolError, match=words) as error:
        database.the_database()
    assert "s3cret" not in str(error.value)
