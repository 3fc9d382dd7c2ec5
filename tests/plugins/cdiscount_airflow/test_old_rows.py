import os
import subprocess
import time
from types import SimpleNamespace

import pytest
from cdiscount_airflow import old_rows

from cdiscount_tasks.errors import ConfigError

CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
BLOCKED = "airflow-db-not-allowed:///"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return an Airflow home with a database file, as a task sees it."""
    (tmp_path / "airflow.db").touch()
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONFIG", str(tmp_path / "empty.cfg"))
    monkeypatch.setenv(CONNECTION, BLOCKED)
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """Return what was started instead of Airflow, which ends as it is told."""
    made = SimpleNamespace(commands=[], ends=subprocess.CompletedProcess([], 0, "Deleted 3 rows\n", ""))

    def run(command, env, **_):
        made.commands.append((command, env))
        return made.ends

    monkeypatch.setattr(old_rows.subprocess, "run", run)
    return made


def test_airflows_own_command_is_called_with_the_age(home, started):
    assert old_rows.remove_old_rows(90, dry_run=False).endswith("are removed")
    ((command, environ),) = started.commands
    assert command[1:5] == ["-m", "airflow", "db", "clean"]
    assert {"--yes", "--skip-archive", "--clean-before-timestamp"} <= set(command)
    assert "--dry-run" not in command
    assert CONNECTION not in environ


def test_a_dry_run_is_one_for_airflow_too(home, started):
    assert old_rows.remove_old_rows(90, dry_run=True).endswith("would be removed")
    assert "--dry-run" in started.commands[0][0]


def test_an_address_that_is_not_kept_back_is_passed_on(started, monkeypatch):
    monkeypatch.setenv(CONNECTION, "postgresql://db/airflow")
    old_rows.remove_old_rows(90, dry_run=False)
    assert started.commands[0][1][CONNECTION] == "postgresql://db/airflow"


def test_an_address_in_the_config_file_is_enough(home, started):
    (home / "airflow.db").unlink()
    (home / "empty.cfg").write_text("[database]\nsql_alchemy_conn = postgresql://db/airflow%%\n")
    old_rows.remove_old_rows(90, dry_run=False)
    assert started.commands


@pytest.mark.parametrize("config", ["", "no section", "[core]\nparallelism = 4\n"])
def test_where_the_database_cannot_be_found_the_command_to_run_is_named(home, started, config):
    (home / "airflow.db").unlink()
    (home / "empty.cfg").write_text(config)
    with pytest.raises(ConfigError, match=r"run this where the scheduler runs.*: airflow db clean --clean-before"):
        old_rows.remove_old_rows(90, dry_run=False)
    assert started.commands == []


def test_a_command_that_fails_is_told_with_its_last_words(home, started):
    started.ends = subprocess.CompletedProcess([], 1, "", "database is locked")
    with pytest.raises(RuntimeError, match="database is locked"):
        old_rows.remove_old_rows(90, dry_run=False)


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """Return a folder of logs with an old and a new file, and a link to a file outside."""
    root, outside = tmp_path / "logs", tmp_path / "outside.log"
    for name in ("old", "new"):
        (root / name).mkdir(parents=True)
        (root / name / "attempt=1.log").write_text("x" * 1000)
    outside.write_text("precious")
    (root / "new" / "link.log").symlink_to(outside)
    (root / "old" / "notes.txt").write_text("not Airflow's")
    at = time.time() - 100 * old_rows.DAY_S
    for path in (root / "old" / "attempt=1.log", root / "old" / "notes.txt", outside):
        os.utime(path, (at, at))
    os.utime(root / "new" / "link.log", (at, at), follow_symlinks=False)
    monkeypatch.setattr(old_rows, "conf", SimpleNamespace(get=lambda *_: str(root)))
    return root


def test_log_files_past_the_age_are_removed_and_links_lead_nowhere(logs):
    assert old_rows.remove_old_logs(90, dry_run=False).startswith("2 log files of 0.0 MB are removed")
    assert sorted(path.name for path in logs.rglob("*.*")) == ["attempt=1.log", "notes.txt"]
    assert (logs.parent / "outside.log").read_text() == "precious"


def test_folders_that_are_empty_then_are_removed(logs):
    (logs / "old" / "notes.txt").unlink()
    old_rows.remove_old_logs(90, dry_run=False)
    assert not (logs / "old").exists()
    assert (logs / "new").is_dir()


def test_a_dry_run_leaves_the_logs(logs):
    assert "would be removed" in old_rows.remove_old_logs(90, dry_run=True)
    assert (logs / "old" / "attempt=1.log").exists()


@pytest.mark.airflow
def test_a_real_database_is_cleaned_from_within_a_task(tmp_path, give_database, monkeypatch):
    from tools.airflow.home import airflow_environ

    give_database(tmp_path)
    environ = airflow_environ(tmp_path)
    for name, value in {**environ, CONNECTION: BLOCKED}.items():
        monkeypatch.setenv(name, value)
    assert old_rows.remove_old_rows(30, dry_run=False).endswith("are removed")
