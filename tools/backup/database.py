"""Airflow's database: its dump, and back into an empty one. SQLite by its own back-up, PostgreSQL by its programs."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.files import _sync
from tools.airflow.home import CONNECTION, ToolError, home_dir, sqlite_address

SQLITE, POSTGRESQL = "database/airflow.db", "database/postgresql.dump"
"""Names of the dump in an archive: each goes back only into a database of its kind."""

_BESIDE = ("", "-wal", "-shm", "-journal")
_LEAVE_OUT = "or leave it out with DATABASE=no"


class Database(NamedTuple):
    """Airflow's database.

    Attributes:
        dump_name: SQLITE or POSTGRESQL.
        path: Of SQLite's file; None: PostgreSQL.
        address: For PostgreSQL's programs, without the password.
        password: Which they read from their environment, where nobody sees it.
    """

    dump_name: str
    path: Path | None = None
    address: str = ""
    password: str = ""

    @property
    def shown(self) -> str:
        """Return where it is, in words."""
        return str(self.path or self.address)


def the_database() -> Database:
    """Return the database that Airflow is set to, whether it exists or not.

    Raises:
        ToolError: If it is of another kind.
    """
    from sqlalchemy.engine import URL, make_url  # noqa: PLC0415 - takes half a second
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        url = make_url(os.environ.get(CONNECTION) or sqlite_address(home_dir() / "airflow.db"))
    except ArgumentError:  # whose text has the address, and may have a password
        raise ToolError(f"{CONNECTION} is no address of a database; correct it, {_LEAVE_OUT}") from None
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database:
        return Database(SQLITE, Path(url.database).absolute())
    if kind == "postgresql":
        without = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
        return Database(POSTGRESQL, None, without.render_as_string(), str(url.password or ""))
    raise ToolError(
        f"{CONNECTION} names a database of {kind}, expected sqlite or postgresql: back it up with its own programs, "
        "and run this with DATABASE=no"
    )


def _call(database: Database, *command: str) -> str:
    """Run one of PostgreSQL's programs; returns what it prints."""
    environ = {**os.environ, **({"PGPASSWORD": database.password} if database.password else {})}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ToolError(
            f"{command[0]} is not installed, which {database.shown} needs: install PostgreSQL's client programs (on "
            f"Debian `postgresql-client`), of the server's version or newer, {_LEAVE_OUT}"
        ) from error
    if done.returncode:
        last = " ".join(done.stderr.split()[-60:])
        raise ToolError(f"{command[0]} of {database.shown} failed: {last}; correct that, {_LEAVE_OUT}")
    return done.stdout


def exists(database: Database) -> bool:
    """Tell whether there is anything in a database."""
    if database.path is not None:
        return any(database.path.with_name(database.path.name + end).exists() for end in _BESIDE)
    query = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    return _call(database, "psql", "--no-psqlrc", "-At", "-d", database.address, "-c", query).strip() != "0"


def dump(database: Database, to: Path) -> None:
    """Write a database as it is at one moment, also while Airflow works with it.

    Raises:
        ToolError: If it cannot be read.
    """
    if database.path is None:
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={to}")
        _call(database, "pg_dump", *options, f"--dbname={database.address}")
        return
    try:
        with (
            closing(sqlite3.connect(f"{database.path.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(to)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise ToolError(f"{database.path}: cannot be read ({error}); repair it, {_LEAVE_OUT}") from error


def load(database: Database, dumped: Path) -> None:
    """Put a dump into an empty database, whole or not at all.

    Args:
        database: Which is empty, as `exists` says.
        dumped: The dump, beside SQLite's file, which it becomes.

    Raises:
        ToolError: If PostgreSQL refuses it.
    """
    if database.path is None:
        options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        _call(database, "pg_restore", *options, f"--dbname={database.address}", str(dumped))
        return
    (database.path.parent / "migrated").unlink(missing_ok=True)  # `make up` asks Airflow whether it must be raised
    dumped.rename(database.path)
    _sync(database.path.parent)
