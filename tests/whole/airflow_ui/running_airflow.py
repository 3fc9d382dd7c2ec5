"""An Airflow of the tests' own, as `make up` starts it: a small drawn catalogue, and a person of each role."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.airflow import processes
from tools.airflow.api import AirflowApi, wait_until
from tools.airflow.home import PROJECT_DIR, passwords_path

PASSWORDS = {"admin": "of the admin", "viewer": "of the viewer"}
"""Of the SimpleAuthManager's users, each named after the role."""
RUN_TIMEOUT_S = 2400
"""Of a run of a sample: a minute and a half on two idle cores, ten and more where others work as well."""


@dataclass(frozen=True)
class RunningAirflow:
    """Where it is, and where it writes."""

    port: int
    reports_dir: Path

    @property
    def url(self) -> str:
        """Return the address of its UI."""
        return f"http://127.0.0.1:{self.port}"

    def api(self, user: str) -> AirflowApi:
        """Return its API, used by one of its users."""
        return AirflowApi(self.port, PASSWORDS[user], user)

    def task_states(self) -> str:
        """Return the state of each task of the unfinished runs: what a wait in vain should tell."""
        api = self.api("admin")
        return "; ".join(
            f"{task['dag_id']} {task['task_id']}: {task['state']}"
            for dag_id in api.dags()
            for run in api.unfinished_runs(dag_id)
            for task in api.task_instances(dag_id, run["dag_run_id"])
        )

    def run_dag(self, dag_id: str, conf: dict[str, Any]) -> None:
        """Run a DAG to its end, and pause it: what another one makes must not start it again."""
        api, run_id = self.api("admin"), "manual__beside"
        api.trigger(dag_id, run_id, conf, "")
        api.set_paused(dag_id, paused=False)
        wait_until(lambda: api.run(dag_id, run_id)["state"] in ("success", "failed"), RUN_TIMEOUT_S)
        api.set_paused(dag_id, paused=True)
        assert api.run(dag_id, run_id)["state"] == "success"


def _start(environ: dict[str, str], *command: str) -> None:
    done = subprocess.run([sys.executable, *command], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"


@contextmanager
def running_airflow(root: Path, num_products: int) -> Iterator[RunningAirflow]:
    """Run an Airflow while the block lasts.

    Args:
        root: For its home, data and reports; nothing else of this machine is read or written. Its folder `airflow` is
            the home; where that has a migrated database, it is used.
        num_products: Of the catalogue that is drawn for it.
    """
    home, port = root / "airflow", processes.free_port()
    folders = {"AIRFLOW_HOME": home, "CDISCOUNT_DATA": root / "data", "CDISCOUNT_REPORTS": root / "reports"}
    folders |= {"KERAS_HOME": root / "keras"}  # no pretrained weights, whatever this machine has
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CDISCOUNT_"))},
        **{name: str(folder) for name, folder in folders.items()},
        "CDISCOUNT_UI_PORT": str(port),
        "AIRFLOW__API__AUTO_REFRESH_INTERVAL": "1",  # a training that is soon over can be watched all the same
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{role}:{role}" for role in PASSWORDS),
        "PYTHONPATH": str(PROJECT_DIR),
    }
    home.mkdir(mode=0o700, exist_ok=True)
    passwords_path(home).write_text(json.dumps(PASSWORDS))
    demo_dir = root / "data" / "demo"
    _start(environ, "-m", "demo", "--out", str(demo_dir), "--products", str(num_products))
    try:
        _start(environ, "-m", "tools.airflow.up")
        yield RunningAirflow(port, root / "reports")
    finally:
        _start(environ, "-m", "tools.airflow.down")
