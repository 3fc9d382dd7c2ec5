"""`make down`: stops the Airflow that `make up` started, and whatever a killed one left."""

import os
import signal
import sys
from contextlib import suppress

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from tools.airflow import processes, server
from tools.airflow.api import wait_until
from tools.airflow.home import ToolError, home_dir, is_locked
from tools.command import exit_status, say

TIMEOUT_S = 60


def down() -> None:
    """Stop what runs and say so."""
    home = home_dir()
    note = server.running_note(home)
    if note is None:
        ended = server.end_left_over(home)
        say(f"ended {ended} processes that a killed Airflow had left" if ended else "no Airflow runs")
        return
    if note.owner != "up":
        raise ToolError(f"a demo (process {note.pid}) runs in {home}; press Ctrl-C there to stop it")
    with suppress(ProcessLookupError):
        os.kill(note.pid, signal.SIGTERM)
    if not wait_until(lambda: not is_locked(server.lock_path(home)), TIMEOUT_S):
        raise ToolError(f"Airflow (process {note.pid}) did not stop within {TIMEOUT_S} s")
    left = processes.living(note.sessions)
    if left or processes.is_taken(note.port):
        raise ToolError(f"Airflow left processes {left} or something that listens on port {note.port}")
    say(f"Airflow is stopped; port {note.port} is free")


if __name__ == "__main__":
    sys.exit(exit_status(down))
