"""A task of a DAG in Airflow's own process for tasks, as an executor starts it, without a scheduler or a database.

`python -m tests.material.real_task <dag file> <dag id> <task id>`; what the task asks of Airflow is answered here, for
a run `test_run`.
"""

import os
import subprocess
import sys
import uuid
from pathlib import Path

from tools.airflow.home import PROJECT_DIR

RUN_ID = "test_run"


def environ_of(folder, **settings):
    """Return the environment of an Airflow whose home is in a folder, with settings on top of the shell's own."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {
        **mine,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": os.pathsep.join(map(str, (PROJECT_DIR, PROJECT_DIR / "plugins"))),
        **settings,
    }


def run_task(dag_path, dag_id, task_id, environ):
    """Run a task in a process of its own; returns what it printed.

    Args:
        dag_path: The DAG's file.
        dag_id: Of the DAG.
        task_id: Of the task.
        environ: What is set; AIRFLOW_HOME among it.
    """
    environ = {**environ, "AIRFLOW__CORE__DAGS_FOLDER": str(Path(dag_path).parent)}
    command = [sys.executable, "-m", "tests.material.real_task", str(dag_path), dag_id, task_id]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _answer(request):
    """Answer what a task asks of Airflow's API: that it may run, and for all else that it was heard."""
    import httpx

    if not request.url.path.endswith("/run"):
        return httpx.Response(200, json={"message": "heard"})
    at = "2026-01-01T00:00:00Z"
    run = {"dag_id": "test_dag", "run_id": RUN_ID, "run_type": "manual", "state": "running"}
    run |= dict.fromkeys(("logical_date", "start_date", "run_after", "data_interval_start", "data_interval_end"), at)
    run |= {"end_date": None, "partition_key": None, "consumed_asset_events": [], "conf": {}}
    return httpx.Response(200, json={"dag_run": run, "max_tries": 0, "should_retry": False})


def main(dag_path, dag_id, task_id):
    import httpx
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from airflow.sdk.execution_time.supervisor import supervise_task

    identity = {"id": uuid.uuid4(), "dag_version_id": uuid.uuid4(), "run_id": RUN_ID, "try_number": 1}
    return supervise_task(
        ti=TaskInstance(task_id=task_id, dag_id=dag_id, **identity),
        bundle_info=BundleInfo(name="dags-folder", version=None),
        dag_rel_path=dag_path.name,
        token="",
        client=Client(base_url=None, dry_run=True, token="", transport=httpx.MockTransport(_answer)),
        subprocess_logs_to_stdout=True,
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
