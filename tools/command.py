"""How the tools speak to the person at the terminal, and how they end."""

import sys
import time
from collections.abc import Callable

from cdiscount_tasks.errors import ConfigError, DataError
from tools.airflow_home import ToolError
from tools.airflow_processes import end_on_signals


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


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

    def told(self) -> str:
        """Return all laps and their sum."""
        return f"{', '.join(self._laps)}; together {time.monotonic() - self._started:.0f} s"


def exit_status(action: Callable[[], None]) -> int:
    """Run a tool; returns its exit status: what a person can mend is told in a sentence, without a traceback."""
    end_on_signals()
    try:
        action()
    except (ToolError, ConfigError, DataError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else 2
        print("\nstopped: everything that this program had started is ended", file=sys.stderr)
        return 128 + int(number)
    return 0
