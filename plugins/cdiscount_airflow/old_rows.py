"""Airflow's own old rows and logs, removed by Airflow's own command and by age."""

import configparser
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk.configuration import conf

from cdiscount_tasks.errors import ConfigError

logger = logging.getLogger(__name__)

_CONNECTIONS = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN")
_BLOCKED = "airflow-db-not-allowed"
"""With this Airflow replaces the address of its database in the environment of tasks."""

DAY_S = 24 * 3600
_LONGEST_S = 3000


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()


def _has_address(environ: Mapping[str, str]) -> bool:
    """Tell whether Airflow finds its database without the variable: in its config file, or as SQLite in its home."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        config.read(environ.get("AIRFLOW_CONFIG") or _home(environ) / "airflow.cfg", encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return False
    return config.has_option("database", "sql_alchemy_conn") or (_home(environ) / "airflow.db").is_file()


def airflow_environ(environ: Mapping[str, str], command: str) -> dict[str, str]:
    """Return the environment in which Airflow's command finds its database.

    Args:
        environ: Of the task.
        command: What a person can run instead.

    Raises:
        ConfigError: If only the variable would tell, which Airflow keeps from tasks.
    """
    blocked = [name for name in _CONNECTIONS if environ.get(name, "").startswith(_BLOCKED)]
    left = {name: value for name, value in environ.items() if name not in {*blocked, "_AIRFLOW_PROCESS_CONTEXT"}}
    if blocked and not _has_address(left):
        raise ConfigError(
            "Airflow keeps the address of its database from tasks, and no config file has it: run this where the "
            f"scheduler runs, with its environment: {command}"
        )
    return left


def remove_old_rows(days: int, *, dry_run: bool) -> str:
    """Remove Airflow's own rows that are older, with `airflow db clean`; each DAG's newest scheduled run stays.

    Returns:
        What was done, in a line.

    Raises:
        ConfigError: If Airflow's database cannot be reached from a task.
        RuntimeError: If the command fails; says its last words.
    """
    before = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    options = ["--clean-before-timestamp", before, "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    arguments = ["db", "clean", *options, *(["--dry-run"] if dry_run else [])]
    environ = airflow_environ(os.environ, " ".join(["airflow", *arguments]))
    command = [sys.executable, "-m", "airflow", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=_LONGEST_S)
    for line in done.stdout.splitlines():
        logger.info("%s", line)
    if done.returncode:
        raise RuntimeError(f"`airflow db clean` failed: {' '.join((done.stdout + done.stderr).split()[-60:])}")
    return f"Airflow's rows before {before[:10]} {'would be' if dry_run else 'are'} removed"


def remove_old_logs(days: int, *, dry_run: bool) -> str:
    """Remove files of Airflow's logs that nobody has written to for so many days; links are not followed.

    Returns:
        What was done, in a line.
    """
    root = Path(conf.get("logging", "base_log_folder"))
    num_files, num_bytes, before = 0, 0, time.time() - days * DAY_S
    for parent, _, names in os.walk(root, topdown=False):
        for path in (Path(parent, name) for name in names if name.endswith(".log")):
            try:
                state = path.lstat()
                if state.st_mtime < before and not dry_run:
                    path.unlink()
            except OSError as error:
                logger.warning("%s: cannot be removed (%s)", path, error.strerror)
                continue
            if state.st_mtime < before:
                num_files, num_bytes = num_files + 1, num_bytes + state.st_size
        if not dry_run and Path(parent) != root and not any(Path(parent).iterdir()):
            Path(parent).rmdir()
    return (
        f"{num_files:,} log files of {num_bytes / 1e6:,.1f} MB {'would be' if dry_run else 'are'} removed from {root}"
    )
