"""A module of the package as a process of its own, on the CPU: it holds no GPU's slot, and nothing is loaded in it yet.

The process writes its outcome as its last line, in JSON; what it refuses (ConfigError, DataError) is an outcome too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.environment import PROJECT_DIR

_REFUSED = "refused"


def ask_fresh_process(module: str, paths: tuple[Path, ...], time_limit_s: float, late: str, ended: str) -> Any:
    """Run a module whose main is `answer_in_json`, and return its outcome.

    Args:
        module: Its full name.
        paths: Its arguments.
        time_limit_s: After which it is stopped.
        late: What to say then, as a sentence.
        ended: What to say if it was killed or failed, with `{why}` for what it said last.

    Raises:
        DataError: If it refused, with its sentence.
        RuntimeError: If it was killed, failed or took too long; a retry may succeed.
    """
    command = [sys.executable, "-m", module, *map(str, paths)]
    environ = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONUTF8": "1"}
    try:
        told = subprocess.run(
            command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False, timeout=time_limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(late) from error
    if told.returncode != 0:
        last = (told.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RuntimeError(ended.replace("{why}", f"ended with status {told.returncode} ({last})"))
    outcome = json.loads(told.stdout.splitlines()[-1])
    if _REFUSED in outcome:
        raise DataError(outcome[_REFUSED])
    return outcome


def answer_in_json(answer: Callable[..., Any]) -> None:
    """Give the process's arguments to a function, and write the named tuple that it returns, or what it refuses."""
    try:
        outcome = answer(*map(Path, sys.argv[1:]))._asdict()
    except (ConfigError, DataError) as error:
        outcome = {_REFUSED: str(error)}
    sys.stdout.write(json.dumps(outcome) + "\n")
