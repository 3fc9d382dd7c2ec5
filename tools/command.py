"""How the tools speak to the person at the terminal, and how they end."""

import errno
import os
import signal
import sys
import time
from collections.abc import Callable

from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from tools import shell
from tools.airflow.home import ToolError
from tools.airflow.processes import end_on_signals
from tools.stopping import heeded_signals

_FAULTS_OF_A_PLACE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE),
}


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def say_ignored_settings() -> None:
    """Name Airflow's variables in the shell that are not used."""
    if names := shell.foreign_settings(os.environ):
        say(f"ignored (set for another Airflow project, or decided by this one): {', '.join(names)}")


class Stopwatch:
    """Measures one thing after another."""

    def __init__(self) -> None:
        self._started = self._lap_started = time.monotonic()
        self._laps: list[str] = []

    def lap(self, name: str) -> None:
        """Note how long the thing that has just ended took."""
        now = time.monotonic()
        self._laps.append(f"{name} {now - self._lap_started:.0f} s")
        self._lap_started = now

    def summary(self) -> str:
        """Return all laps and their sum."""
        return f"{', '.join(self._laps)}; together {time.monotonic() - self._started:.0f} s"


def _fault_of_a_place(error: OSError) -> str:
    """Say which place cannot be used, and which variable names a different one."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{where}too many files are open; raise the limit (`ulimit -n {shell.OPEN_FILES}`) and try again"
    return (
        f"{where}{error.strerror}; free space or set the rights there, or name a folder that can be written: "
        "AIRFLOW_HOME for Airflow's own files, CDISCOUNT_DATA for data, CDISCOUNT_REPORTS for reports"
    )


def _outcome(action: Callable[[], int | None]) -> int:
    try:
        return action() or 0
    except StoreAway as error:
        # The sentence speaks to a task of Airflow's.
        print(f"\n{str(error).replace('clear this task', 'run again')}", file=sys.stderr)
        return 1
    except (ToolError, ConfigError, DataError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has ended, as in `make run | head`: what is still to be flushed is dropped.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno not in _FAULTS_OF_A_PLACE:
            raise
        print(f"\n{_fault_of_a_place(error)}", file=sys.stderr)
        return 1


def exit_status(action: Callable[[], int | None]) -> int:
    """Run a tool; returns its exit status: what a person can repair is reported in a sentence, without a traceback.

    Args:
        action: What the tool does; may return an exit status of its own.
    """
    end_on_signals()
    try:
        # A terminal that cannot show a letter shows its number.
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        shell.tidy(os.environ)
        shell.raise_open_files()
        return _outcome(action)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else 2
        print("\nstopped: everything that this program had started is ended", file=sys.stderr)
        return 128 + int(number)
    finally:
        # What became of it is known: a signal that comes while Python ends changes nothing.
        for each in heeded_signals():
            signal.signal(each, signal.SIG_IGN)
