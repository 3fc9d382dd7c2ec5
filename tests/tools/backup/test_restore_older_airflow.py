"""An upgrade rehearsed: the archive of an older Airflow's database, restored, and raised by the next start."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from airflow.utils.db import _REVISION_HEADS_MAP

from tools.airflow.home import airflow_environ, migrate
from tools.backup import backup, restore

OLDER = "3.2.0"


def ask(path, query):
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(query).fetchall()


@pytest.mark.airflow
def test_an_older_airflow_s_database_is_restored_and_raised_by_the_next_start(
    machine, move, monkeypatch, give_database
):
    here = machine.path / "home"
    (here / "airflow.db").unlink()
    give_database(here)
    ask(here / "airflow.db", "INSERT INTO slot_pool (pool, slots, include_deferred) VALUES ('gpu', 7, 0)")
    environ = airflow_environ(here, environ=dict(os.environ))
    command = [sys.executable, "-m", "airflow", "db", "downgrade", "--to-version", OLDER, "--yes"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    version = "SELECT version_num FROM alembic_version"
    assert ask(here / "airflow.db", version) == [(_REVISION_HEADS_MAP[OLDER],)]
    assert backup.main() == 0

    there = move() / "home"
    monkeypatch.setenv("FROM", str(next(machine.to.iterdir())))
    restore.main()
    assert migrate(there, airflow_environ(there, environ=dict(os.environ)))
    newest = list(_REVISION_HEADS_MAP.values())[-1]
    assert ask(there / "airflow.db", version) == [(newest,)]
    assert ask(there / "airflow.db", "SELECT slots FROM slot_pool WHERE pool = 'gpu'") == [(7,)]
