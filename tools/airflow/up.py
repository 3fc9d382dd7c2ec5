"""`make up`: an Airflow for the browser that keeps running; `make down` stops it."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.settings.environment import read_environment
from tools.airflow import processes, server
from tools.airflow.api import AirflowApi
from tools.airflow.home import ADMIN, ToolError, check_writable, home_dir, password, passwords_path
from tools.command import exit_status, say, say_ignored_settings
from tools.demo.catalogue import draw_if_needed


def _port() -> int:
    port = server.wanted_port()
    if processes.is_taken(port):
        raise ToolError(f"port {port} on 127.0.0.1 is used by another program; set CDISCOUNT_UI_PORT to a free port")
    return port


def serve(port: int) -> None:
    """Run an Airflow until this process is asked to stop: what `make up` leaves behind."""
    home = home_dir()
    with server.started_airflow(home, port, "up", say) as components:
        while True:
            server.check_alive(home, components)
            time.sleep(1)


def _tell(home: Path, port: int) -> None:
    say(f"Airflow: http://127.0.0.1:{port}")
    say(f"user: {ADMIN}   password: {password(home)}   (kept in {passwords_path(home)})")
    say("`make down` stops it.")


def _start(home: Path, port: int) -> None:
    """Start the keeper, wait until its Airflow is ready, and let it go."""
    since, log_path = datetime.now(UTC).isoformat(), home / "logs" / "server" / "up.log"
    password(home) if home.exists() else home.mkdir(mode=0o700, parents=True)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with processes.signals_held(), log_path.open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tools.airflow.up", "--serve", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server.wait_until_ready(home, AirflowApi(port, password(home)), {"keeper": keeper}, since)
    except BaseException:
        keeper.terminate()
        keeper.wait(60)
        if keeper.returncode == 1:
            raise ToolError(server.last_lines(log_path)) from None
        raise


def up() -> None:
    """Start an Airflow, or say where the one that runs is."""
    home = home_dir()
    note = server.running_note(home)
    if note is not None and note.owner != "up":
        raise ToolError(f"a demo (process {note.pid}) uses {home}; wait until it has finished, or press Ctrl-C there")
    if note is not None:
        if differing := server.differing_settings(note):
            raise ToolError(
                f"an Airflow already runs on http://127.0.0.1:{note.port}, with the settings of its start: "
                f"{'; '.join(differing)}. To apply the present settings: `make down up`"
            )
        say("runs already")
        _tell(home, note.port)
        return
    port = _port()
    environment = read_environment()
    check_writable(home, "AIRFLOW_HOME")
    check_writable(environment.data_dir, "CDISCOUNT_DATA")
    check_writable(environment.reports_dir, "CDISCOUNT_REPORTS")
    draw_if_needed(environment)
    say_ignored_settings()
    say("starting Airflow (half a minute)")
    _start(home, port)
    _tell(home, port)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: serve(int(sys.argv[2])) if sys.argv[1:2] == ["--serve"] else up()))
