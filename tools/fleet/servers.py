"""PostgreSQL and Redis for a fleet: Debian's programs, run by an ordinary user on loopback, in a folder of their own.

The distribution's own cluster and service are never touched. Each server has a password that is made with it.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.airflow import processes
from tools.airflow.api import wait_until
from tools.airflow.home import ToolError

_START_TIMEOUT_S = 60
_END = ((signal.SIGINT, 20.0), (signal.SIGKILL, 5.0))
"""SIGINT is PostgreSQL's fast shutdown, and lets Redis write what it holds."""

_DATABASE = "airflow"
_DEBIAN_DIR = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version, off everybody's PATH."""

_POSTGRESQL_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
"""
_REDIS_SETTINGS = """
bind 127.0.0.1
port {port}
dir {folder}
requirepass {password}
appendonly yes
save ""
"""


@dataclass
class Server:
    """A server that can be stopped and started again with what it holds.

    Attributes:
        name: For people and for its log's name.
        command: What runs it, in the foreground.
        user: Who runs it; None: whoever runs this process.
        url: Under which clients reach it, with its password.
    """

    name: str
    command: Sequence[str]
    user: str | None
    port: int
    log_path: Path
    url: str
    is_ready: Callable[[], bool]
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _born: float = 0

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            ToolError: If it ends, or does not answer in time; with its log.
        """
        environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        process = processes.start_in_session(self.command, environ, self.log_path, self.user)
        self._process, self._born = process, processes.born(process.pid) or time.time()
        if not wait_until(lambda: process.poll() is not None or self.is_ready(), _START_TIMEOUT_S, 0.1):
            raise ToolError(f"{self.name} did not answer on port {self.port}; its log is {self.log_path}")
        if process.poll() is not None:
            raise ToolError(f"{self.name} ended by itself ({process.returncode}); its log is {self.log_path}")

    def stop(self, steps: Sequence[tuple[signal.Signals, float]] = _END) -> None:
        """Stop it; `steps` are signals, and for how long each is given time."""
        if self._process is None:
            return
        if left := processes.end_sessions({self._process.pid: self._born}, steps):
            raise ToolError(f"processes {', '.join(map(str, left))} of {self.name} could not be ended")
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop it and start it at once."""
        self.stop()
        self.start()


def _ordinary_user(wanted: str) -> str | None:
    """Return who runs a server: this process' own user, or where that is root the one that Debian's package made."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam(wanted).pw_name
    except KeyError as error:
        raise ToolError(f"there is no user {wanted!r}, and root must not run the server; {_INSTALL}") from error


_INSTALL = "install PostgreSQL and Redis: apt-get install postgresql redis-server"


def _postgresql_dir() -> Path:
    """Return the folder of PostgreSQL's programs, the newest where there are several.

    Raises:
        ToolError: If there is none.
    """
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [path.parent for path in _DEBIAN_DIR.glob("*/bin/initdb")]
    if not folders:
        raise ToolError(f"PostgreSQL's program `initdb` is missing; {_INSTALL}")
    return max(folders, key=lambda folder: float(folder.parent.name))


def _own_folder(parent: Path, name: str, user: str | None) -> Path:
    folder = parent / name
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, user)
    return folder


def _run(command: Sequence[str], user: str | None, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        user=user,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise ToolError(f"`{Path(command[0]).name}` failed: {(done.stderr or done.stdout).strip()[-500:]}")


def started_postgresql(parent: Path) -> Server:
    """Make a cluster with the database `airflow`, and start it.

    Args:
        parent: An existing folder that others may enter; the cluster's own folder is made in it.
    """
    programs, user, port = _postgresql_dir(), _ordinary_user("postgres"), processes.free_port()
    folder, password = _own_folder(parent, "postgresql", user), secrets.token_urlsafe(24)
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    if user:
        shutil.chown(secret, user)
    data = folder / "data"
    _run(
        [
            *(str(programs / "initdb"), f"--pgdata={data}", "--username=airflow", f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
        ],
        user,
    )
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_POSTGRESQL_SETTINGS.format(port=port))
    where = ["--host=127.0.0.1", f"--port={port}", "--username=airflow"]
    ready = [str(programs / "pg_isready"), "--quiet", *where]
    server = Server(
        "PostgreSQL",
        [str(programs / "postgres"), "-D", str(data)],
        user,
        port,
        parent / "postgresql.log",
        f"postgresql+psycopg2://airflow:{password}@127.0.0.1:{port}/{_DATABASE}",
        lambda: subprocess.run(ready, check=False).returncode == 0,
    )
    server.start()
    try:
        _run([str(programs / "createdb"), *where, _DATABASE], user, {"PGPASSWORD": password})
    except ToolError:
        server.stop()
        raise
    return server


def _answers_ping(port: int, password: str) -> bool:
    """Tell whether Redis answers: it may still read what it held before."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (more := connection.recv(200)):
                answer += more
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


def started_redis(parent: Path) -> Server:
    """Start a Redis that keeps what it is given, also over a restart.

    Args:
        parent: An existing folder that others may enter; Redis' own folder is made in it.
    """
    program, user, port = shutil.which("redis-server"), _ordinary_user("redis"), processes.free_port()
    if program is None:
        raise ToolError(f"the program `redis-server` is missing; {_INSTALL}")
    folder, password = _own_folder(parent, "redis", user), secrets.token_urlsafe(24)
    settings = folder / "redis.conf"
    settings.touch(mode=0o600)
    settings.write_text(_REDIS_SETTINGS.format(port=port, folder=folder, password=password), encoding="utf-8")
    if user:
        shutil.chown(settings, user)
    server = Server(
        "Redis",
        [program, str(settings)],
        user,
        port,
        parent / "redis.log",
        f"redis://:{password}@127.0.0.1:{port}/0",
        lambda: _answers_ping(port, password),
    )
    server.start()
    return server
