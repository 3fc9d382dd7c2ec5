"""One fleet for all tests of it, and the runs that they look at: each finds nothing but the catalogue."""

import subprocess
import sys

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tools.command import say
from tools.fleet import accidents, runs
from tools.fleet.fleet import started_fleet
from tools.fleet.history import table

DAG, NUM_PRODUCTS, NUM_EPOCHS, NUM_BEFORE = "cdiscount_wine", 600, 8, 3
CONF = {"preset": "smoke", "epochs": NUM_EPOCHS}
TIMEOUT_S = 900.0
SCANS = "demo/catalogues/*/parts-*/.part-*.part"


@pytest.fixture(scope="session")
def fleet():
    """Start a fleet with the demo's catalogue; dead workers are noticed in half the usual time."""
    workers = {"worker-1": "default", "worker-2": "default", "worker-gpu": "gpu"}
    with started_fleet(workers, {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60"}) as fleet:
        draw = ["-m", "demo", "--out", str(fleet.data_dir / "demo"), "--products", str(NUM_PRODUCTS)]
        subprocess.run([sys.executable, *draw], cwd=PROJECT_DIR, check=True)
        yield fleet


@pytest.fixture(scope="session")
def calm(fleet):
    """Run wine undisturbed; returns the run and the hashes of what it made."""
    runs.begin(fleet, DAG, "calm", CONF)
    ended = runs.wait_for_end(fleet, DAG, "calm", TIMEOUT_S)
    say(table(ended.tries))
    made = runs.hashes(fleet.data_dir / "demo")
    runs.set_aside(fleet, "calm")
    return ended, made


@pytest.fixture(scope="session")
def killed(fleet, calm):
    """Run wine, and kill a default worker in a scan and the GPU's worker in the training.

    Returns:
        The run, the hashes of what it made, and the two kills.
    """
    runs.begin(fleet, DAG, "killed", CONF)
    in_scan = accidents.kill_builder(fleet, SCANS, TIMEOUT_S)
    in_training = accidents.kill_trainer(fleet, "worker-gpu", NUM_BEFORE, TIMEOUT_S)
    fleet.start_worker("worker-gpu-2", "gpu")
    ended = runs.wait_for_end(fleet, DAG, "killed", TIMEOUT_S)
    say(table(ended.tries))
    made = runs.hashes(fleet.data_dir / "demo")
    runs.set_aside(fleet, "killed")
    fleet.start_worker(in_scan.machine)
    fleet.wait_for_workers()
    return ended, made, in_scan, in_training


@pytest.fixture(scope="session")
def shaken(fleet, calm):
    """Run wine with two schedulers; the broker is away for a minute, database and broker restart in the training.

    What ends by itself meanwhile is started again, as `restart: always` of a container does.

    Returns:
        The run, the hashes of what it made, and what was started again.
    """
    fleet.start_scheduler("scheduler-2")
    fleet.is_tended = True
    runs.begin(fleet, DAG, "shaken", CONF)
    runs.wait_for_task(fleet, DAG, "shaken", "resolve_run", ("running", "success"), TIMEOUT_S)
    accidents.take_away(fleet.redis, 60)
    accidents.wait_for_epochs(fleet, 1, TIMEOUT_S)
    fleet.postgresql.restart()
    accidents.wait_for_epochs(fleet, NUM_BEFORE, TIMEOUT_S)
    fleet.redis.restart()
    ended = runs.wait_for_end(fleet, DAG, "shaken", TIMEOUT_S)
    say(table(ended.tries))
    say(f"started again: {', '.join(fleet.restarted) or 'nothing'}")
    return ended, runs.hashes(fleet.data_dir / "demo"), fleet.restarted
