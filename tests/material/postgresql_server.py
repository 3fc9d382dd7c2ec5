"""A PostgreSQL on the loopback interface, run by an ordinary user, with a password that is made with it."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest


def _programs():
    """Return the folder of PostgreSQL's programs, the newest; skips where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    if not folders and not found:
        pytest.skip("no PostgreSQL is installed: apt-get install postgresql")
    return Path(found).resolve().parent if found else folders[-1]


def _user():
    """Return who runs it: root may not."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("root may not run PostgreSQL, and there is no user postgres")


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def postgresql_server():
    """Run a server with the empty databases `here` and `there`; yields the address of a database, given its name."""
    programs, user, password, port = _programs(), _user(), secrets.token_urlsafe(12), _free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "password").write_text(password)
        if user:
            for path in (folder, f"{folder}/password"):
                shutil.chown(path, user)
        init = [programs / "initdb", "-D", f"{folder}/data", "-A", "scram-sha-256", "-U", "ann"]
        subprocess.run([*init, f"--pwfile={folder}/password"], user=user, cwd=folder, check=True, capture_output=True)
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", f"{folder}/data", *options]
        with subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL) as server:
            try:
                for name in ("here", "there"):
                    _create(name, port, password)
                yield lambda name: f"postgresql+psycopg2://ann:{password}@127.0.0.1:{port}/{name}"
            finally:
                server.terminate()


def _create(name, port, password):
    """Make a database, as soon as the server answers."""
    command = ["createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "ann", name]
    for _ in range(100):
        done = subprocess.run(command, env={**os.environ, "PGPASSWORD": password}, capture_output=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(done.stderr)
