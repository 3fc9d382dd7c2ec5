"""A local Airflow: one at a time for each home, healthy before it is used, gone without a trace afterwards."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cdiscount_tasks.settings.environment import read_environment
from tools import shell
from tools.airflow import processes
from tools.airflow.api import AirflowApi, wait_until
from tools.airflow.home import PROJECT_DIR, ToolError, airflow_environ, held_lock, is_locked, migrate, password

START_TIMEOUT_S = 180
_FILES_TIMEOUT_S = 60
DEFAULT_PORT = 8080
_NUM_LAST_LINES = 15


def wanted_port() -> int:
    """Return the port that CDISCOUNT_UI_PORT sets for the UI.

    Raises:
        ToolError: If it is not a port that a user may use.
    """
    text = os.environ.get("CDISCOUNT_UI_PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdecimal()) or not 1024 <= int(text) <= 65535:
        raise ToolError(f"CDISCOUNT_UI_PORT is {text!r}, expected a port from 1024 to 65535")
    return int(text)


def lock_path(home: Path) -> Path:
    """Return the lock that whoever runs an Airflow in this home holds."""
    return home / "server.lock"


@dataclass(frozen=True)
class ServerNote:
    """What a running Airflow leaves in `server.json` for those who come later.

    Attributes:
        owner: `up` or `demo`.
        pid: Of the process that started it and holds the lock.
        sessions: Its components' process ids, with the birth of each.
        boot_time: Of the machine: ids from before it are no longer ours.
        settings: What `settings_of` gave of the shell that it was started from.
    """

    owner: str
    pid: int
    port: int
    sessions: dict[int, float]
    boot_time: float
    settings: dict[str, str]

    def write(self, home: Path) -> None:
        """Write `server.json` in one step."""
        aside = home / f".server.json.{os.getpid()}"
        aside.write_text(json.dumps(self.__dict__), encoding="utf-8")
        aside.replace(home / "server.json")


def read_note(home: Path) -> ServerNote | None:
    """Return what the last Airflow of this home left, if it did not end by itself."""
    try:
        noted = json.loads((home / "server.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return ServerNote(**{**noted, "sessions": {int(pid): birth for pid, birth in noted["sessions"].items()}})


def running_note(home: Path) -> ServerNote | None:
    """Return the note of the Airflow that runs now, or None."""
    return read_note(home) if is_locked(lock_path(home)) else None


def settings_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that decide what an Airflow works on and how."""
    own = {name: value for name, value in environ.items() if name.startswith(("CDISCOUNT_", "KERAS_")) and value}
    # Of Airflow's, which may hold passwords, the hash alone.
    for name in environ.keys() - shell.foreign_settings(environ):
        if name.startswith(shell.KEPT_SETTINGS):
            own[name] = f"#{hashlib.sha256(environ[name].encode()).hexdigest()[:6]}"
    return {name: own[name] for name in sorted(own) if name != "CDISCOUNT_UI_PORT"}


def _difference(name: str, before: str | None, now: str | None) -> str:
    if name.startswith(shell.KEPT_SETTINGS) and before and now:
        return f"{name} (now a different value)"
    if name.startswith(shell.KEPT_SETTINGS):
        return f"{name} {'set' if before else 'unset'} (now {'set' if now else 'unset'})"
    return f"{name} {before or 'unset'} (now {now or 'unset'})"


def differing_settings(note: ServerNote) -> list[str]:
    """Say which of the project's variables have another value now than when an Airflow was started, each in words."""
    wanted = settings_of(os.environ)
    names = sorted(name for name in {*note.settings, *wanted} if note.settings.get(name) != wanted.get(name))
    differences = [_difference(name, note.settings.get(name), wanted.get(name)) for name in names]
    port = os.environ.get("CDISCOUNT_UI_PORT")
    return differences + ([f"port {note.port} (now {port})"] if port and port != str(note.port) else [])


def end_left_over(home: Path) -> int:
    """End what an Airflow left that was killed outright; returns how many processes that were."""
    note = read_note(home)
    if note is None:
        return 0
    left = []
    if abs(note.boot_time - psutil.boot_time()) < 60:
        left = processes.living(note.sessions)
        processes.end_sessions(note.sessions)
    (home / "server.json").unlink()
    return len(left)


@contextmanager
def started_airflow(home: Path, port: int, owner: str, say: Callable[[str], None] = print) -> Iterator[dict[str, Any]]:
    """Run an Airflow while the block lasts; on its way out, however that comes, stop all of it.

    Yields:
        The components by name, as processes.

    Raises:
        ToolError: If another Airflow runs in this home, or this one left something behind.
    """
    refusal = f"an Airflow runs in {home} already; `make down` stops it, or set AIRFLOW_HOME to a different folder"
    with held_lock(lock_path(home), refusal=refusal):
        if ended := end_left_over(home):
            say(f"ended {ended} processes that a killed Airflow had left")
        # What the shell sets, as a later call compares it: the project's own choices come on top of it.
        noted, environ = settings_of(os.environ), airflow_environ(home, port)
        password(home)
        if migrate(home, environ):
            say("database made")
        components: dict[str, subprocess.Popen[bytes]] = {}
        sessions: dict[int, float] = {}
        try:
            with processes.signals_held():
                components = processes.start_components(environ, home / "logs" / "server")
                sessions = {each.pid: processes.born(each.pid) or time.time() for each in components.values()}
                ServerNote(owner, os.getpid(), port, sessions, psutil.boot_time(), noted).write(home)
            yield components
        finally:
            _stop(home, port, components, sessions)


def _stop(home: Path, port: int, components: dict[str, Any], sessions: dict[int, float]) -> None:
    with processes.signals_held():
        left = processes.end_sessions(sessions)
        for component in components.values():
            component.poll()
        if left:
            raise ToolError(f"processes {', '.join(map(str, left))} of Airflow could not be ended")
        (home / "server.json").unlink(missing_ok=True)
        if processes.is_taken(port):
            raise ToolError(f"port {port} is still in use although all of Airflow's processes ended")


def last_lines(path: Path) -> str:
    """Return the end of a text file, or that it is missing."""
    if not path.exists():
        return f"({path} is missing)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-_NUM_LAST_LINES:])


def check_alive(home: Path, components: Mapping[str, Any]) -> None:
    """Raise ToolError if a component ended by itself; with its last words."""
    for name, component in components.items():
        if component.poll() is not None:
            log = home / "logs" / "server" / f"{name}.log"
            raise ToolError(f"Airflow's {name} ended by itself ({component.returncode}); {log}:\n{last_lines(log)}")


def wait_until_ready(home: Path, api: AirflowApi, components: Mapping[str, Any], since: str) -> None:
    """Wait until Airflow is healthy, has read the DAG files, and has the pools.

    Args:
        home: AIRFLOW_HOME.
        api: The server's API.
        components: The processes that must go on living.
        since: When it was started, ISO 8601 in UTC: what was parsed before may be from an earlier day.

    Raises:
        ToolError: If a component ends, or it takes too long.
    """

    def ready() -> bool:
        check_alive(home, components)
        if not api.is_healthy():
            return False
        dags = api.dags()
        return bool(api.import_errors()) or any((dag["last_parsed_time"] or "") > since for dag in dags.values())

    if not wait_until(ready, START_TIMEOUT_S):
        raise ToolError(
            f"Airflow was not ready after {START_TIMEOUT_S} s ({api.health_fault() or 'it has read no DAG file'}); "
            f"its logs are in {home / 'logs' / 'server'}"
        )
    # Files are read one after the other. One that makes no DAG is never told of: this wait then ends by its time.
    wait_until(lambda: bool(api.import_errors()) or not unread_files(api.dags(), since), _FILES_TIMEOUT_S)
    set_pools(api)


def unread_files(dags: Mapping[str, Mapping[str, Any]], since: str) -> set[str]:
    """Return which of the project's DAG files have made no DAG yet since Airflow was started."""
    read = {dag["relative_fileloc"] for dag in dags.values() if (dag["last_parsed_time"] or "") > since}
    return {path.name for path in (PROJECT_DIR / "dags").glob("*.py")} - read


def set_pools(api: AirflowApi) -> None:
    """Make the pools of pools.json; CDISCOUNT_GPU_SLOTS sets the slots of `gpu`."""
    for name, pool in json.loads((PROJECT_DIR / "pools.json").read_text(encoding="utf-8")).items():
        slots = read_environment().gpu_slots if name == "gpu" else pool["slots"]
        api.set_pool(name, slots, pool["description"])
