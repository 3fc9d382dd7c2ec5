"""How the tools speak to the person at the terminal, and how they end."""

import sys
from collections.abc import Callable

from cdiscount_tasks.errors import ConfigError, DataError
from tools.airflow_home import ToolError
from tools.airflow_processes import end_on_signals


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


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
