"""A fleet on one computer: Airflow's parts as machines with a home each, PostgreSQL, Redis, and one shared data root.

A machine is a session of processes with an AIRFLOW_HOME, a Keras home and a name of its own. Only the data root, the
reports and the logs are shared, as a shared file system would be. The log servers of Airflow's workers listen on all
interfaces, whatever is set: they are left out, and the API server reads the shared logs.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.airflow import processes, server
from tools.airflow.api import AirflowApi, wait_until
from tools.airflow.home import CONNECTION, PROJECT_DIR, ToolError, airflow_environ, password
from tools.fleet import machine_name, servers

VENV = ".venv-fleet"
GPU_QUEUE = "gpu"
CONCURRENCY = 2
"""Tasks at a time on each worker: Airflow's own 16 would have as many processes wait for the cores."""

PATIENT_WITH_THE_BROKER = {
    "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps(
        {"task_publish_retry_policy": {"max_retries": None, "interval_start": 0.2, "interval_max": 1}}
    ),
    "AIRFLOW__CELERY__TASK_PUBLISH_MAX_RETRIES": "1000",
}
"""What lets the scheduler wait for a broker that is away. By default Celery gives up sending a task in a second, and
Airflow takes that for a failed try of the task: a minute without a broker uses up the tries, and the run fails. Here
Celery goes on until Airflow's limit of a second for one attempt, and Airflow tries so many times."""

_KILL = ((signal.SIGKILL, 10.0),)


def python_of_fleet() -> Path:
    """Return the Python that has Airflow with Celery and the drivers.

    Raises:
        ToolError: If it is missing.
    """
    venv = PROJECT_DIR / VENV
    if not (venv / "setup.stamp").exists():
        raise ToolError(f"{venv} is missing; make it with `make fleet`")
    return venv / "bin" / "python"


@dataclass
class Machine:
    """What runs under one name: a session for each of its processes.

    Attributes:
        name: As Airflow notes it of each task that runs here.
        home: Its AIRFLOW_HOME.
        queues: Whose tasks it takes; empty: it is no worker.
    """

    name: str
    home: Path
    queues: str = ""
    sessions: dict[int, float] = field(default_factory=dict)
    processes: dict[str, Any] = field(default_factory=dict)

    def kill(self) -> None:
        """End everything on it at once, as a cut of the power does."""
        self._end(_KILL)

    def stop(self) -> None:
        """End it as a person would."""
        self._end(None)

    def _end(self, steps: Sequence[tuple[signal.Signals, float]] | None) -> None:
        left = processes.end_sessions(self.sessions, steps)
        for process in self.processes.values():
            process.poll()
        if left:
            raise ToolError(f"processes {', '.join(map(str, left))} of {self.name} could not be ended")
        self.sessions.clear()
        self.processes.clear()


@dataclass
class Fleet:
    """The machines, and what they share.

    Attributes:
        root: Its folder.
        port: Of the API server.
        settings: Environment variables that all machines have besides.
        is_tended: Whether `check` starts again what has ended by itself, as `restart: always` of a container does.
        restarted: What it has started again, each as `scheduler on main`.
    """

    root: Path
    port: int
    postgresql: servers.Server
    redis: servers.Server
    settings: Mapping[str, str]
    machines: dict[str, Machine] = field(default_factory=dict)
    is_tended: bool = False
    restarted: list[str] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        """Return the shared data root."""
        return self.root / "shared" / "data"

    @property
    def reports_dir(self) -> Path:
        """Return the shared folder of reports."""
        return self.root / "shared" / "reports"

    @property
    def api(self) -> AirflowApi:
        """Return a client that signs in anew."""
        return AirflowApi(self.port, password(self.root / "main"))

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment of a machine's processes."""
        home, main = self.root / name, self.root / "main"
        home.mkdir(mode=0o700, exist_ok=True)
        if name != "main":  # each machine has the keys of the first one: without them its tasks are refused
            airflow_environ(main, self.port)  # makes them, once
            shutil.copy(main / "secrets.json", home / "secrets.json")  # with its rights
        plain = {each: value for each, value in os.environ.items() if not each.startswith(("CDISCOUNT_", "AIRFLOW"))}
        python = python_of_fleet()
        environ = airflow_environ(home, self.port, plain)
        return {
            **environ,
            "PATH": f"{python.parent}{os.pathsep}{environ['PATH']}",
            CONNECTION: self.postgresql.url,
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"{machine_name.__name__}.{machine_name.machine_name.__name__}",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(main / "passwords.json"),
            "AIRFLOW__CELERY__BROKER_URL": self.redis.url,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.postgresql.url}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(CONCURRENCY),
            **PATIENT_WITH_THE_BROKER,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.root / "shared" / "logs"),
            "CDISCOUNT_DATA": str(self.data_dir),
            "CDISCOUNT_REPORTS": str(self.reports_dir),
            "CDISCOUNT_GPU_QUEUE": GPU_QUEUE,
            "KERAS_HOME": str(home / "keras"),
            machine_name.VARIABLE: name,
            **self.settings,
        }

    def _start(self, name: str, commands: Mapping[str, Sequence[str]], queues: str = "") -> Machine:
        machine = self.machines.setdefault(name, Machine(name, self.root / name, queues))
        with processes.signals_held():
            for each, command in commands.items():
                self._start_process(machine, each, [str(python_of_fleet()), "-m", "airflow", *command])
        return machine

    def _start_process(self, machine: Machine, name: str, command: Sequence[str]) -> None:
        log_path = machine.home / "output" / f"{name}.log"
        process = processes.start_in_session(command, self.environ(machine.name), log_path)
        machine.processes[name] = process
        machine.sessions[process.pid] = processes.born(process.pid) or time.time()

    def start_main(self) -> Machine:
        """Start the machine with the API server, the scheduler, the DAG processor and the triggerer."""
        return self._start("main", processes.COMPONENTS)

    def start_scheduler(self, name: str) -> Machine:
        """Start one more scheduler, on a machine of its own."""
        return self._start(name, {"scheduler": processes.COMPONENTS["scheduler"]})

    def start_worker(self, name: str, queues: str = "default") -> Machine:
        """Start a worker that takes the tasks of the given queues, on a machine of its own."""
        command = ["celery", "worker", "--skip-serve-logs", "--queues", queues, "--celery-hostname", f"celery@{name}"]
        return self._start(name, {"worker": command}, queues)

    def machine_of(self, pid: int) -> Machine:
        """Return the machine on which a process runs."""
        session = os.getsid(pid)
        return next(machine for machine in self.machines.values() if session in machine.sessions)

    def check(self) -> None:
        """Raise ToolError if a process of a machine that runs has ended by itself; with its last words.

        Where the fleet is tended, the process is started again instead.
        """
        for machine in self.machines.values():
            for name, process in list(machine.processes.items()):
                if process.poll() is None:
                    continue
                if self.is_tended:
                    self.restarted.append(f"{name} on {machine.name}")
                    self._start_process(machine, name, process.args)
                else:
                    log = machine.home / "output" / f"{name}.log"
                    raise ToolError(
                        f"{name} on {machine.name} ended by itself ({process.returncode}); {log}:\n"
                        f"{server.last_lines(log)}"
                    )

    def wait_until_ready(self, since: str) -> None:
        """Wait until the API server, the scheduler and the DAG processor are healthy, and make the pools."""
        server.wait_until_ready(self.root / "main", self.api, self.machines["main"].processes, since)

    def wait_for_workers(self, timeout_s: float = 180) -> None:
        """Wait until each worker has said that it is ready.

        Raises:
            ToolError: If one ends, or it takes too long.
        """
        workers = [machine for machine in self.machines.values() if machine.queues and machine.processes]

        def ready() -> bool:
            self.check()
            return all(_has_word(machine.home / "output" / "worker.log", " ready.") for machine in workers)

        if not wait_until(ready, timeout_s):
            raise ToolError(f"the workers were not ready after {timeout_s:.0f} s; their logs are in {self.root}")

    def migrate(self) -> None:
        """Make Airflow's tables."""
        command = [str(python_of_fleet()), "-m", "airflow", "db", "migrate"]
        log_path = self.root / "main" / "output" / "migrate.log"
        process = processes.start_in_session(command, self.environ("main"), log_path)
        if process.wait(300):
            raise ToolError(f"`airflow db migrate` failed; {log_path}:\n{server.last_lines(log_path)}")

    def stop(self) -> None:
        """Stop every machine, the workers first: they report to the others."""
        machines = sorted(self.machines.values(), key=lambda machine: not machine.queues)
        with processes.signals_held():
            for machine in machines:
                machine.stop()


def _has_word(path: Path, word: str) -> bool:
    return path.exists() and word in path.read_text(encoding="utf-8", errors="replace")


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder that the servers' users may enter; removed afterwards, unless FLEET_KEEP is set (for its logs)."""
    made = Path(tempfile.mkdtemp(prefix="fleet-"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        if not os.environ.get("FLEET_KEEP"):
            shutil.rmtree(made, ignore_errors=True)


@contextmanager
def started_fleet(
    workers: Mapping[str, str], settings: Mapping[str, str] | None = None, say: Callable[[str], None] = print
) -> Iterator[Fleet]:
    """Run a fleet while the block lasts; on its way out, however that comes, stop all of it and remove its folder.

    Args:
        workers: By name, the queues of each, with commas between.
        settings: Environment variables that all machines have besides.
        say: Prints a line: where the fleet is.

    Raises:
        ToolError: If a program is missing, or a part does not start.
    """
    python_of_fleet()
    with ExitStack() as stack:
        root = stack.enter_context(_scratch())
        say(f"fleet in {root}")
        postgresql = servers.started_postgresql(root)
        stack.callback(postgresql.stop)
        redis = servers.started_redis(root)
        stack.callback(redis.stop)
        fleet = Fleet(root, processes.free_port(), postgresql, redis, settings or {})
        stack.callback(fleet.stop)
        for folder in (fleet.data_dir, fleet.reports_dir):
            folder.mkdir(parents=True)
        fleet.migrate()
        password(root / "main")
        since = datetime.now(UTC).isoformat()
        fleet.start_main()
        for name, queues in workers.items():
            fleet.start_worker(name, queues)
        fleet.wait_until_ready(since)
        fleet.wait_for_workers()
        yield fleet
