import os
import subprocess
import sys

import pytest

from tools.airflow import throw_away_home
from tools.airflow.home import PROJECT_DIR


@pytest.fixture
def parent(tmp_path, monkeypatch):
    """Return a home in which the database need not be migrated."""

    def migrate(template, environ):
        template.mkdir(exist_ok=True)
        (template / "airflow.db").write_text("a database")

    monkeypatch.setattr(throw_away_home, "migrate", migrate)
    return tmp_path


def test_a_home_that_a_killed_run_left_is_removed_by_the_next(parent):
    code = f"""
import os, signal, pathlib
from tools.airflow import throw_away_home
throw_away_home.migrate = lambda *_: pathlib.Path({str(parent / "template" / "airflow.db")!r}).touch()
held = throw_away_home.throw_away_home(pathlib.Path({str(parent)!r}))
held.__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, check=False)
    assert len(list(parent.glob("run-*"))) == 1

    with throw_away_home.throw_away_home(parent) as (home, _):
        assert list(parent.glob("run-*")) == [home]


def test_a_home_named_by_this_process_id_disturbs_nothing(parent):
    """In a container the id is always the same."""
    (parent / f"run-{os.getpid()}").mkdir()

    with throw_away_home.throw_away_home(parent) as (home, _):
        assert (home / "airflow.db").exists()
    assert not list(parent.glob("run-*"))


def test_two_runs_at_once_leave_each_others_homes(parent):
    with throw_away_home.throw_away_home(parent) as (first, _), throw_away_home.throw_away_home(parent) as (second, _):
        assert first != second
        assert (first / "airflow.db").exists()


def test_links_begin_with_the_port_of_the_ui(parent):
    with throw_away_home.throw_away_home(parent, 18080) as (_, environ):
        assert environ["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
