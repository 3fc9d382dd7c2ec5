import base64
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tools.airflow import processes
from tools.airflow.home import ToolError, password
from tools.fleet import fleet as fleet_module
from tools.fleet.fleet import Fleet, Machine
from tools.fleet.machine_name import machine_name

OF_A_MACHINE = {"AIRFLOW_HOME", "AIRFLOW_CONFIG", "KERAS_HOME", "FLEET_MACHINE"}


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """Return a fleet whose servers are names alone, and whose Python is nowhere."""
    monkeypatch.setattr(fleet_module, "python_of_fleet", lambda: Path("/nowhere/bin/python"))
    database = SimpleNamespace(url="postgresql+psycopg2://airflow:secret@127.0.0.1:5/airflow")
    broker = SimpleNamespace(url="redis://:secret@127.0.0.1:6/0")
    return Fleet(tmp_path, 7, database, broker, {"CDISCOUNT_NOTIFY": "none"})


def test_machines_differ_in_their_homes_alone(fleet):
    main, worker = fleet.environ("main"), fleet.environ("worker-1")
    assert {name for name in main.keys() | worker.keys() if main.get(name) != worker.get(name)} == OF_A_MACHINE
    assert worker["AIRFLOW_HOME"] == str(fleet.root / "worker-1")
    assert worker["CDISCOUNT_DATA"] == str(fleet.root / "shared" / "data")
    assert worker["AIRFLOW__CELERY__RESULT_BACKEND"] == f"db+{fleet.postgresql.url}"
    assert worker["CDISCOUNT_NOTIFY"] == "none"


def test_the_fleet_of_compose_waits_for_its_broker_as_the_tried_one_does():
    compose = yaml.safe_load((PROJECT_DIR / "deploy" / "compose" / "docker-compose.yaml").read_text("utf-8"))
    tried = fleet_module.PATIENT_WITH_THE_BROKER
    assert {name: compose["x-environment"].get(name) for name in tried} == tried


EXAMPLE = PROJECT_DIR / "deploy" / "celery" / "fleet.env.example"
OF_THIS_COMPUTER = {
    "AIRFLOW_CONFIG", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME",
    *(
        f"AIRFLOW__DAG_PROCESSOR__{name}"
        for name in ("REFRESH_INTERVAL", "MIN_FILE_PROCESS_INTERVAL", "PARSING_PROCESSES", "PRINT_STATS_INTERVAL")
    ),
    "CDISCOUNT_NOTIFY",
}  # fmt: skip
OF_SEVERAL_MACHINES = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT", "CDISCOUNT_CATALOGUE", "CDISCOUNT_GPU_SLOTS", "CDISCOUNT_LABEL_FIXES",
}  # fmt: skip


def of_airflow_or_project(names):
    return {name for name in names if name.startswith(("AIRFLOW", "CDISCOUNT_", "PYTHONPATH", "KERAS_BACKEND"))}


@pytest.fixture
def example(tmp_path):
    """Return what a shell makes of the example of an environment file, with the keys that docs/growing.md appends."""
    guide = (PROJECT_DIR / "docs" / "growing.md").read_text("utf-8")
    (program,) = re.findall(r"python -c '(.*?)' >> fleet\.env", guide, re.DOTALL)
    command = [sys.executable, "-c", program]
    drawn = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True).stdout
    (tmp_path / "fleet.env").write_text(EXAMPLE.read_text("utf-8") + drawn, encoding="utf-8")
    command = ["sh", "-c", "set -a && . ./fleet.env && env"]
    shell = subprocess.run(
        command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in shell.splitlines())


def test_the_example_of_an_environment_file_sets_what_the_tried_fleet_sets(fleet, example):
    tried = of_airflow_or_project(fleet.environ("main"))
    assert of_airflow_or_project(example) == tried - OF_THIS_COMPUTER | OF_SEVERAL_MACHINES


def test_the_example_waits_for_its_broker_as_the_fleet_of_compose_does(example):
    compose = yaml.safe_load((PROJECT_DIR / "deploy" / "compose" / "docker-compose.yaml").read_text("utf-8"))
    same = {*fleet_module.PATIENT_WITH_THE_BROKER, *(name for name in OF_SEVERAL_MACHINES if "TIMEOUT" in name)}
    assert {name: example[name] for name in same} == {name: compose["x-environment"][name] for name in same}


def test_the_example_has_no_key_of_its_own_and_draws_good_ones(example):
    keys = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
    assert not any(f"{name}=" in EXAMPLE.read_text("utf-8") for name in keys)
    assert len({example[name] for name in keys}) == 3
    assert len(base64.urlsafe_b64decode(example[keys[0]])) == 32
    assert "localhost" not in example["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]


def test_what_the_shell_sets_for_another_airflow_reaches_no_machine(fleet, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////elsewhere.db")
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", "/elsewhere/train.bson")
    environ = fleet.environ("main")
    assert environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == fleet.postgresql.url
    assert "CDISCOUNT_CATALOGUE" not in environ


def test_keys_and_passwords_are_read_by_their_user_alone(fleet):
    fleet.environ("main")
    fleet.environ("worker-1")
    password(fleet.root / "main")
    files = [fleet.root / "main" / "secrets.json", fleet.root / "worker-1" / "secrets.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*files, fleet.root / "main" / "passwords.json"]} == {0o600}
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_machine_has_its_name_from_its_environment(fleet, monkeypatch):
    environ = fleet.environ("worker-gpu")
    assert environ["AIRFLOW__CORE__HOSTNAME_CALLABLE"] == "tools.fleet.machine_name.machine_name"
    monkeypatch.setenv("FLEET_MACHINE", environ["FLEET_MACHINE"])
    assert machine_name() == "worker-gpu"


def test_a_kill_ends_all_of_a_machine_and_names_it_before(fleet, tmp_path):
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    started = processes.start_in_session(sleeper, os.environ, tmp_path / "sleeper.log")
    machine = Machine("worker-1", tmp_path, "default", {started.pid: processes.born(started.pid)}, {"worker": started})
    fleet.machines["worker-1"] = machine
    assert fleet.machine_of(started.pid) is machine
    machine.kill()
    assert started.wait(5) == -9
    fleet.check()  # a machine that was killed on purpose is not missed


def test_a_process_that_ended_by_itself_is_told_with_its_last_words(fleet, tmp_path):
    dying = [sys.executable, "-c", "print('no broker'); raise SystemExit(3)"]
    log = tmp_path / "worker-1" / "output" / "worker.log"
    started = processes.start_in_session(dying, os.environ, log)
    started.wait(10)
    fleet.machines["worker-1"] = Machine("worker-1", tmp_path / "worker-1", "default", {}, {"worker": started})
    with pytest.raises(ToolError, match=r"worker on worker-1 ended by itself \(3\); .*worker.log:\nno broker"):
        fleet.check()


def test_in_a_tended_fleet_a_process_that_ended_by_itself_is_started_again(fleet, tmp_path):
    started = processes.start_in_session([sys.executable, "-c", ""], os.environ, tmp_path / "scheduler.log")
    started.wait(10)
    machine = Machine("main", tmp_path / "main", "", {}, {"scheduler": started})
    fleet.machines["main"], fleet.is_tended = machine, True
    fleet.check()
    assert fleet.restarted == ["scheduler on main"]
    assert machine.processes["scheduler"].pid != started.pid
    assert machine.processes["scheduler"].wait(10) == 0


def test_a_missing_environment_is_told_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet_module, "PROJECT_DIR", tmp_path)
    with pytest.raises(ToolError, match=r"\.venv-fleet is missing; make it with `make fleet`"):
        fleet_module.python_of_fleet()
