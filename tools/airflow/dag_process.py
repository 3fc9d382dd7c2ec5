"""A DAG run in a process of its own, without a scheduler: what it logs is passed on, and a signal ends all of it.

The run has its own process because Airflow's task runner takes the signals of the process that it runs in, and because
TensorFlow's long steps put them off: whoever started it can end it at any moment.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.airflow import processes
from tools.airflow.home import PROJECT_DIR, ToolError, home_dir
from tools.airflow.server import running_note, wanted_port
from tools.airflow.throw_away_home import throw_away_home
from tools.command import say, say_ignored_settings

_STEPS = ((signal.SIGINT, 3.0), (signal.SIGKILL, 5.0))


def ui_port() -> int:
    """Return the port of the Airflow that runs in the lasting home, or the one that `make up` would take."""
    note = running_note(home_dir())
    return note.port if note else wanted_port()


def run_dag(dag_id: str, conf: Mapping[str, Any]) -> str:
    """Run a DAG in a throw-away home and return the run's id.

    Raises:
        ToolError: If it failed, with the first sentence of what went wrong.
    """
    with throw_away_home(home_dir(), ui_port()) as (home, environ):
        say_ignored_settings()
        say("starting Airflow in this process (10 to 30 s)")
        outcome_path = home / "outcome.json"
        returncode = _pass_on(
            [sys.executable, "-m", "tools.airflow.dag_process", dag_id, json.dumps(conf), str(outcome_path)], environ
        )
        if not outcome_path.exists():
            raise ToolError(_sudden_end(returncode))
        outcome = json.loads(outcome_path.read_text(encoding="utf-8"))
    if "fault" in outcome:
        raise ToolError(outcome["fault"])
    return str(outcome["run_id"])


def _sudden_end(returncode: int) -> str:
    if returncode >= 0:
        return f"the run ended with status {returncode} before it was finished; the error is above"
    how = f"was killed by signal {-returncode} ({signal.strsignal(-returncode)})"
    why = "; perhaps this machine has too little memory" if returncode == -signal.SIGKILL else ""
    return f"the run's process {how}{why}; start it again: what was finished is not made again"


def _pass_on(command: list[str], environ: Mapping[str, str]) -> int:
    """Run a command, print what it prints, and return its status; it ends with this process, however that ends."""
    sessions: dict[int, float] = {}
    child: subprocess.Popen[str] | None = None
    try:
        with processes.signals_held():
            child = _start(command, environ)
            sessions[child.pid] = processes.born(child.pid) or 0.0
        for line in child.stdout or ():
            say(line.rstrip("\n"))
        return child.wait()
    finally:
        with processes.signals_held():
            processes.end_sessions(sessions, _STEPS)
            if child is not None:
                child.wait()
                for pipe in filter(None, (child.stdin, child.stdout)):
                    pipe.close()


def _start(command: list[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _end_with_starter() -> None:
    """End this process and its workers when whoever started it is gone: its end of the pipe closes with it."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main(dag_id: str, conf_text: str, outcome_path: Path) -> int:
    """Run a DAG in this process and leave what became of it in a file; returns the exit status."""
    _end_with_starter()
    # Here, not above: Airflow takes seconds, which the process that started this one would pay too.
    from tools.airflow.dag_in_terminal import DagFaultError, run_dag_here  # noqa: PLC0415

    try:
        outcome = {"run_id": run_dag_here(PROJECT_DIR / "dags", dag_id, json.loads(conf_text))}
    except DagFaultError as error:
        outcome = {"fault": str(error)}
    outcome_path.write_text(json.dumps(outcome), encoding="utf-8")
    return 1 if "fault" in outcome else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
