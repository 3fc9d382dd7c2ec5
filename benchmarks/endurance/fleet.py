"""A fleet on this computer: who ran what, with one and with two default workers, and how soon a kill is noticed.

    .venv/bin/python -m benchmarks.endurance.fleet [--products 5000] [--gb 2] [--only runs|kills]

Needs `make fleet`, and Debian's packages postgresql and redis-server. `runs`: both of the demo's samples at once (with
the preset smoke) and the DAG of the catalogue on a synthetic file, each with one and two default workers, in a data
folder that holds nothing but the catalogue. `kills`: a default worker is killed in a scan of the synthetic file and the
GPU's worker in wine's training, with the heartbeat's limit that a fleet has.
"""

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping

from tests.material.synthetic_catalogue import write_catalogue
from tools.airflow.home import PROJECT_DIR
from tools.command import exit_status, say
from tools.fleet import accidents, runs
from tools.fleet.fleet import Fleet, started_fleet
from tools.fleet.history import table

SAMPLES, CATALOGUE_DAG = ("cdiscount_wine", "cdiscount_mixed_bag"), "cdiscount_catalogue"
SCANS = "demo/catalogues/*/parts-*/.part-*.part"
_TIMEOUT_S = 3600.0


def draw_demo(fleet: Fleet, num_products: int) -> None:
    """Put the demo's catalogue into the data root."""
    command = [sys.executable, "-m", "demo", "--out", str(fleet.data_dir / "demo"), "--products", str(num_products)]
    subprocess.run(command, cwd=PROJECT_DIR, check=True, stdout=subprocess.DEVNULL)


def write_synthetic(fleet: Fleet, gigabytes: float) -> None:
    """Put a synthetic catalogue in the place of the demo's, which is kept."""
    path = fleet.data_dir / "demo" / "catalogue.bson"
    path.rename(fleet.root / "drawn.bson")
    write_catalogue(path, int(gigabytes * 1e9))


def put_demo_back(fleet: Fleet) -> None:
    """Put the demo's catalogue back into its place."""
    (fleet.root / "drawn.bson").rename(fleet.data_dir / "demo" / "catalogue.bson")


def run_together(fleet: Fleet, name: str, confs: Mapping[str, dict[str, object]]) -> dict[str, runs.Ended]:
    """Run DAGs beside each other to their ends, and move away what they made."""
    for dag_id, conf in confs.items():
        runs.begin(fleet, dag_id, name, conf)
    ended = {dag_id: runs.wait_for_end(fleet, dag_id, name, _TIMEOUT_S) for dag_id in confs}
    runs.set_aside(fleet, name)
    return ended


def tell(name: str, ended: Mapping[str, runs.Ended]) -> None:
    """Say who ran what, run by run and in all."""
    for dag_id, run in ended.items():
        say(f"\n{name}: {dag_id} {run.state} after {run.seconds:.0f} s\n\n{table(run.tries)}")
    counted = Counter((one.machine, one.queue) for run in ended.values() for one in run.tries if one.machine)
    say(f"\n{name}: tasks by machine: {', '.join(f'{where} {num}' for (where, _), num in sorted(counted.items()))}")


def measure_runs(fleet: Fleet, gigabytes: float) -> None:
    """Run the samples and the catalogue's DAG with one default worker, then with two."""
    for name in ("one", "two"):
        if name == "two":
            fleet.start_worker("worker-2")
            fleet.wait_for_workers()
        samples = run_together(fleet, f"{name}_samples", {dag_id: {"preset": "smoke"} for dag_id in SAMPLES})
        tell(f"{name} samples", samples)
        write_synthetic(fleet, gigabytes)
        tell(f"{name} catalogue", run_together(fleet, f"{name}_catalogue", {CATALOGUE_DAG: {}}))
        put_demo_back(fleet)


def measure_kills(fleet: Fleet, gigabytes: float) -> None:
    """Kill a default worker in a scan, then the GPU's worker in a training."""
    if "worker-2" not in fleet.machines:
        fleet.start_worker("worker-2")
        fleet.wait_for_workers()
    write_synthetic(fleet, gigabytes)
    runs.begin(fleet, CATALOGUE_DAG, "scan_killed", {})
    kill = accidents.kill_builder(fleet, SCANS, _TIMEOUT_S)
    ended = runs.wait_for_end(fleet, CATALOGUE_DAG, "scan_killed", _TIMEOUT_S)
    tell("a default worker killed in a scan", {CATALOGUE_DAG: ended})
    noticed_s = accidents.seconds_until_noticed(kill, ended.tries)
    say(f"{kill.machine} killed while {kill.doing}; noticed after {noticed_s:.0f} s")
    runs.set_aside(fleet, "scan_killed")
    put_demo_back(fleet)
    fleet.start_worker(kill.machine)
    fleet.wait_for_workers()
    runs.begin(fleet, SAMPLES[0], "training_killed", {"preset": "smoke"})
    kill = accidents.kill_trainer(fleet, "worker-gpu", 3, _TIMEOUT_S)
    fleet.start_worker("worker-gpu-2", "gpu")
    ended = runs.wait_for_end(fleet, SAMPLES[0], "training_killed", _TIMEOUT_S)
    tell("the GPU's worker killed in training", {SAMPLES[0]: ended})
    again = accidents.epochs_learnt(ended.log_dir / "task_id=train_model" / "attempt=2.log")
    noticed_s = accidents.seconds_until_noticed(kill, ended.tries)
    say(f"killed with {kill.epochs} epochs over; noticed after {noticed_s:.0f} s; begun again with epoch {again[0]}")


def main() -> None:
    """Start a fleet with one default worker and the GPU's, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--products", type=int, default=5000)
    parser.add_argument("--gb", type=float, default=2.0)
    parser.add_argument("--only", choices=("runs", "kills"))
    parser.add_argument("--settings", nargs="*", default=[], help="NAME=value of all machines besides")
    arguments = parser.parse_args()
    settings = dict(one.split("=", 1) for one in arguments.settings)
    with started_fleet({"worker-1": "default", "worker-gpu": "gpu"}, settings) as fleet:
        limit_s = fleet.environ("main")["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]
        say(f"a task without a sign of life for {limit_s} s is taken for dead")
        draw_demo(fleet, arguments.products)
        if arguments.only != "kills":
            measure_runs(fleet, arguments.gb)
        if arguments.only != "runs":
            measure_kills(fleet, arguments.gb)


if __name__ == "__main__":
    sys.exit(exit_status(main))
