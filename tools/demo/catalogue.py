"""The demo catalogue as the tools need it: drawn where it is missing, by a process that is stopped with its caller."""

import os
import subprocess
import sys
from pathlib import Path

from cdiscount_tasks.settings.environment import Environment
from tools.airflow import processes
from tools.airflow.home import PROJECT_DIR, ToolError


def use_demo_catalogue() -> None:
    """Point this process and all that it starts to the demo catalogue and the project's own samples."""
    for name in ("CDISCOUNT_CATALOGUE", "CDISCOUNT_CATEGORY_NAMES", "CDISCOUNT_SAMPLES"):
        os.environ.pop(name, None)


def draw_catalogue(demo_dir: Path, seed: str = "0") -> bool:
    """Draw the demo catalogue, unless the existing one was drawn with this seed.

    Returns:
        Whether it existed already.

    Raises:
        ToolError: If it could not be drawn; with the reason.
    """
    command = [sys.executable, "-m", "demo", "--out", str(demo_dir), "--seed", seed]
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}
    # A session of its own: Ctrl-C reaches this program alone, which then ends that one with its workers.
    with processes.signals_held():
        drawing = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        sessions = {drawing.pid: processes.born(drawing.pid) or 0.0}
    try:
        output, complaint = drawing.communicate()
    except BaseException:
        with processes.signals_held():
            processes.end_sessions(sessions)
        raise
    if drawing.returncode:
        last = (complaint.strip() or "no reason given").splitlines()[-1]
        raise ToolError(f"the demo catalogue could not be drawn: {last}")
    return "reused: True" in output


def draw_if_needed(environment: Environment) -> None:
    """Draw the demo catalogue if this environment works on it and it is missing."""
    if environment.uses_demo_catalogue and not (environment.demo_dir / "catalogue.bson").exists():
        print(f"drawing the demo catalogue in {environment.demo_dir} (half a minute, once)", flush=True)
        draw_catalogue(environment.demo_dir)
