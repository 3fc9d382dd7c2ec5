"""Airflow's home for a local trial: its settings, its secrets, its database.

Everything is passed as environment variables, beside an empty `airflow.cfg`: none can be out of date, or another
project's. What `shell.KEPT_SETTINGS` names wins where the user has set it: the tools can be tried on PostgreSQL.
"""

import base64
import errno
import fcntl
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

from cdiscount_tasks.settings.path_faults import fault_in_place_of
from cdiscount_tasks.settings.places import setting_of
from tools import shell

PROJECT_DIR = Path(__file__).resolve().parents[2]
ADMIN = "admin"
CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class ToolError(Exception):
    """What a person at the terminal can repair; its text is all they need to see."""


def home_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return AIRFLOW_HOME, by default `.airflow` in the project."""
    environ = os.environ if environ is None else environ
    named = environ.get("AIRFLOW_HOME") or str(PROJECT_DIR / ".airflow")
    try:
        home = Path(named).expanduser().absolute()
    except RuntimeError as error:
        raise ToolError(f"AIRFLOW_HOME is {named!r}, but that user has no known home; write the whole path") from error
    for path in (home, PROJECT_DIR):
        if os.path.expandvars(path) != str(path):
            raise ToolError(
                f"{path}: Airflow would replace the part of this path that begins with $ by a variable's value; "
                f"{'move the project' if path == PROJECT_DIR else 'set AIRFLOW_HOME'} to a folder without $ in its name"
            )
    return home


def sqlite_address(path: Path) -> str:
    """Return a database's address for SQLAlchemy, to which `?` and `%` in a path mean something else."""
    return f"sqlite:///{quote(str(path))}"


_OF_RIGHTS = frozenset({errno.EACCES, errno.EPERM})


def check_writable(folder: Path, setting: str) -> None:
    """Refuse a folder that cannot be written before anything is done for what would go there.

    Args:
        folder: Made if it is missing.
        setting: The environment variable that names it.

    Raises:
        ToolError: If no file can be made in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if setting == "AIRFLOW_HOME" else 0o777)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fault = fault_in_place_of(folder)
        way_out = "" if fault or error.errno not in _OF_RIGHTS else ", or change the rights of this one"
        raise ToolError(
            f"{folder}: nothing can be written there ({fault or error.strerror}); set "
            f"{setting_of(folder, setting)} to a folder that can be written{way_out}"
        ) from error


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)


def _secrets(home: Path) -> dict[str, str]:
    """Return the home's keys, made once: a key that changes would end every session and hide every stored value."""
    path = home / "secrets.json"
    if not path.exists():
        made = {name: secrets.token_urlsafe(32) for name in ("jwt", "api")}
        made["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        _write_private(path, json.dumps(made))
    return cast(dict[str, str], json.loads(path.read_text(encoding="utf-8")))


def password(home: Path) -> str:
    """Return the admin's password, made once; the file's mode is 0600."""
    path = passwords_path(home)
    if not path.exists():
        _write_private(path, json.dumps({ADMIN: secrets.token_urlsafe(12)}) + "\n")
    return str(json.loads(path.read_text(encoding="utf-8"))[ADMIN])


def passwords_path(home: Path) -> Path:
    """Return the file with the passwords of the SimpleAuthManager."""
    return home / "passwords.json"


def _home_page(home: Path) -> str | None:
    """Return the folder whose settings show a visitor of the home page where to begin; a home's own settings win."""
    own = home / "config" / "airflow_local_settings.py"
    return None if own.exists() else str(PROJECT_DIR / "tools" / "airflow" / "home_page")


def _chosen(home: Path) -> dict[str, str]:
    """Return the settings that a user's own ones win against."""
    return {
        CONNECTION: sqlite_address(home / "airflow.db"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(max(4, 2 * (os.cpu_count() or 1))),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_path(home)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_DIR / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_DIR / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # A look-up of the full name can take seconds on a laptop.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        # A task's log ends with its summary, not with that its result is not shown.
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow.task.operators=WARNING",
        # A sentence that says what to do must not run out of the window.
        "AIRFLOW__API__DEFAULT_WRAP": "True",
        "AIRFLOW__API__INSTANCE_NAME": "Cdiscount classifiers",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "20",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        # The task of a worker that was killed runs again within 3 minutes: these, 10 s until it is noticed, and the
        # delay of a retry. A task reports every 5 s; 60 s held under a load of 12, and a busy disk needs some more.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
    }


def _fixed(home: Path, port: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings on which the tools themselves rely."""
    keys = _secrets(home)
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "empty.cfg"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__SECRET_KEY": keys["api"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT_DIR), environ.get("PYTHONPATH"), _home_page(home)))),
        # Paths, names and logs are UTF-8, whatever the shell's locale.
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": environ.get("KERAS_BACKEND") or "tensorflow",
    }


def airflow_environ(home: Path, port: int = 8080, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every Airflow process of a home.

    Args:
        home: AIRFLOW_HOME, made if it is missing.
        port: Of the API server on 127.0.0.1, where tasks report as well.
        environ: What the user has set; of Airflow's settings in it those of `shell.KEPT_SETTINGS` win.
    """
    environ = shell.without_foreign_settings(os.environ if environ is None else environ)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / "empty.cfg").touch()
    chosen = {**_chosen(home), **shell.user_name(environ)}
    return shell.proxies_past_loopback({**chosen, **environ, **_fixed(home, port, environ)})


def _migrate(environ: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"`airflow db migrate` failed: {' '.join((done.stdout + done.stderr).split()[-60:])}")


def _make_database(home: Path, environ: Mapping[str, str]) -> None:
    """Make a database aside: the next migration could not read an interrupted one."""
    for torn in home.glob("airflow.db.part*"):
        torn.unlink()
    part = home / "airflow.db.part"
    _migrate({**environ, CONNECTION: sqlite_address(part)})
    part.replace(home / "airflow.db")


def _refuse_foreign_database(home: Path, address: str, *, is_own: bool) -> None:
    """Refuse a database that another project's Airflow works with: raising its version could end that one."""
    # Here, not above: SQLAlchemy takes half a second, which every call of the tools would pay.
    from tools.airflow.database_owner import DatabaseFaultError, foreign_dags  # noqa: PLC0415

    named, way_out = (
        (f"AIRFLOW_HOME is {home}, whose database", "unset AIRFLOW_HOME, or set it to a new folder")
        if is_own
        else (f"{CONNECTION} names a database that", f"unset {CONNECTION}, or name a database of this project's own")
    )
    try:
        foreign = foreign_dags(address)
    except DatabaseFaultError as error:
        raise ToolError(f"{named} cannot be used ({error}); repair it, or {way_out}") from error
    if foreign:
        names = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise ToolError(f"{named} belongs to another Airflow project (it has the DAGs {names}); {way_out}")


def migrate(home: Path, environ: Mapping[str, str]) -> bool:
    """Make or raise the database where needed; a stamp beside it spares the ten seconds of asking Airflow.

    Returns:
        Whether there was anything to do.

    Raises:
        ToolError: If Airflow cannot make the database; with its last words.
    """
    stamp, wanted = home / "migrated", f"{metadata.version('apache-airflow')} {environ[CONNECTION]}"
    database = home / "airflow.db"
    is_own = environ[CONNECTION] == sqlite_address(database)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and (database.exists() or not is_own):
        if not is_own:  # a server that is away, or a driver that is missing, would end Airflow's parts one by one
            _refuse_foreign_database(home, environ[CONNECTION], is_own=False)
        return False
    if is_own and not database.exists():
        _make_database(home, environ)
    else:
        _refuse_foreign_database(home, environ[CONNECTION], is_own=is_own)
        _migrate(environ)
    stamp.write_text(wanted, encoding="utf-8")
    return True


def _lock(file: IO[str], path: Path, *, wait: bool) -> bool:
    """Lock an open file; returns whether it is ours now.

    Raises:
        ToolError: If its file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise ToolError(
            f"{path.parent}: the file system of this folder has no file locks ({error.strerror}); set AIRFLOW_HOME to "
            "a folder on a local disk, or mount this one with locks"
        ) from error
    return True


@contextmanager
def held_lock(path: Path, *, wait: bool = False, refusal: str = "") -> Iterator[None]:
    """Hold a lock file that the system releases when its holder dies.

    Args:
        path: The lock file; it stays.
        wait: Wait for another holder rather than refuse.
        refusal: What to say when another process holds it.

    Raises:
        ToolError: If another process holds the lock and `wait` is not set.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _lock(file, path, wait=wait):
            raise ToolError(refusal)
        yield


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the lock."""
    if not path.exists():
        return False
    with path.open("a+") as file:
        return not _lock(file, path, wait=False)
