"""Airflow's processes: started each in a session of its own, and ended with everything that came out of it.

A signal to Airflow's own `standalone` leaves its children behind; here the session is what is ended: all that is in it,
by its id, politely first. Tasks run in process groups of their own, but stay in the scheduler's session.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil

from tools.stopping import heeded_signals

COMPONENTS = {
    # The scheduler would serve task logs on all interfaces; on one machine the API server reads the files itself.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "api-server": ["api-server", "--workers", "1"],
    "dag-processor": ["dag-processor"],
    # Nothing waits in it yet, but without one the home page shows a red lamp for ever.
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
_STEPS = ((signal.SIGINT, 6.0), (signal.SIGTERM, 4.0), (signal.SIGKILL, 5.0))
"""What is sent to whatever is left, and for how long it is waited for: an idle Airflow ends within the first step."""


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that what it started is stopped."""

    def unwind(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    for number in heeded_signals():
        signal.signal(number, unwind)


@contextmanager
def signals_held() -> Iterator[None]:
    """Put off Ctrl-C and its like for a moment in which something would be lost track of."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in heeded_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            raise KeyboardInterrupt(came[0])


def start_in_session(
    command: Sequence[str], environ: Mapping[str, str], log_path: Path, user: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, with its output in a file; `user` is another one than this process'."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        return subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            extra_groups=[] if user else None,
        )


def start_components(environ: Mapping[str, str], logs_dir: Path) -> dict[str, subprocess.Popen[bytes]]:
    """Start Airflow's components, with their output in files."""
    return {
        name: start_in_session([sys.executable, "-m", "airflow", *command], environ, logs_dir / f"{name}.log")
        for name, command in COMPONENTS.items()
    }


def born(pid: int) -> float | None:
    """Return when a process was started; None: it does not exist. Pid and birth together name a process for good."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _is_in(pid: int, sessions: Mapping[int, float]) -> bool:
    """Tell whether a process lives, belongs to one of the sessions, and is not older than it."""
    try:
        session, process = os.getsid(pid), psutil.Process(pid)
        return (
            session in sessions
            and process.status() != psutil.STATUS_ZOMBIE
            and process.create_time() >= sessions[session] - 0.1
        )
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def living(sessions: Mapping[int, float]) -> list[int]:
    """Return the processes of the given sessions.

    Args:
        sessions: By the id of the process that leads it (or led it: a session outlives its leader), its birth. A
            leader's id that has passed to another process makes the session a stranger's.
    """
    own = {pid: birth for pid, birth in sessions.items() if abs((born(pid) or birth) - birth) < 0.1}
    return [pid for pid in psutil.pids() if pid != os.getpid() and _is_in(pid, own)]


def end_sessions(
    sessions: Mapping[int, float], steps: Sequence[tuple[signal.Signals, float]] | None = None
) -> list[int]:
    """End all processes of the sessions, with growing firmness; returns the ids of those that live all the same."""
    for number, patience_s in steps or _STEPS:
        deadline = time.monotonic() + patience_s
        for pid in living(sessions):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        while (left := living(sessions)) and time.monotonic() < deadline:
            time.sleep(0.1)
        if not left:
            return []
    return left


def is_taken(port: int) -> bool:
    """Tell whether something listens on a port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
