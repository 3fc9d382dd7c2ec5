"""`make run` ends, with all that it has started, when it is told to; what it says: whole/test_whole_way."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tools.airflow.home import PROJECT_DIR

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def environ(tmp_path_factory, give_database):
    """Return the settings of a place with a small demo catalogue, in a folder with signs that URLs read otherwise."""
    root = tmp_path_factory.mktemp("a ?b %41 #é")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CDISCOUNT_", "AIRFLOW"))}
    mine = {"CDISCOUNT_DATA": "data", "CDISCOUNT_REPORTS": "reports", "AIRFLOW_HOME": "home", "KERAS_HOME": "keras"}
    environ = {**kept, **{name: str(root / folder) for name, folder in mine.items()}, "SAMPLE": "wine"}
    give_database(root / "home" / "template")
    drawing = ["-m", "demo", "--out", str(root / "data" / "demo"), "--products", "300"]
    subprocess.run([sys.executable, *drawing], cwd=PROJECT_DIR, env=environ, capture_output=True, check=True)
    return environ


STOPPED = "\nstopped: everything that this program had started is ended\n"


def start(environ, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "tools.run"],
        cwd=PROJECT_DIR,
        env={**environ, "PRESET": "smoke", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pass_by(stream):
    threading.Thread(target=stream.read, daemon=True).start()


def processes_of(environ):
    """Return the processes that work with this test's home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AIRFLOW_HOME", "").startswith(environ["AIRFLOW_HOME"]):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def read_until(run, words):
    for line in run.stdout:
        if words in line:
            return
    pytest.fail(f"the run ended without {words!r}: {run.stderr.read()[-2000:]}")


def homes_of_runs(environ):
    return sorted(Path(environ["AIRFLOW_HOME"]).glob("run-*"))


def test_what_a_killed_run_started_ends_and_a_signal_ends_the_next_one_in_its_training(environ):
    conf = '{"epochs": 400, "seed": 5}'
    killed = start(environ, CONF=conf)
    read_until(killed, "Train the model")
    pass_by(killed.stdout)
    killed.kill()
    killed.wait()
    (left,) = homes_of_runs(environ)
    deadline = time.monotonic() + 60
    while processes_of(environ) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(environ) == []

    run = start(environ, CONF=conf)
    read_until(run, "epoch 1 of 400")
    pass_by(run.stdout)
    (own,) = homes_of_runs(environ)
    assert own != left  # the next run has removed it
    started = time.monotonic()
    run.terminate()
    complaint = run.stderr.read()

    assert run.wait(20) == 128 + signal.SIGTERM
    assert time.monotonic() - started < 15
    assert complaint == STOPPED
    assert processes_of(environ) == []
    assert homes_of_runs(environ) == []


DEAF_WITH_A_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(600)"], process_group=0)
time.sleep(600)
"""
STARTER = """
import os, sys
from tools.airflow import dag_process
from tools.command import exit_status
dag_process._STEPS = ((2, 0.3), (9, 5.0))
sys.exit(exit_status(lambda: dag_process._pass_on([sys.executable, "-c", sys.argv[1]], os.environ)))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_signal_ends_all_that_a_run_has_started(tmp_path, number):
    """What stands in Airflow's place ignores Ctrl-C and has a child in a process group of its own, as a task is."""
    environ = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-c", STARTER, DEAF_WITH_A_CHILD]
    run = subprocess.Popen(
        command, cwd=PROJECT_DIR, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    read_until(run, "at work")
    assert len(processes_of(environ)) == 3
    run.send_signal(number)
    _, complaint = run.communicate(timeout=20)

    assert (run.returncode, complaint) == (128 + number, STOPPED)
    assert processes_of(environ) == []


def test_a_port_that_is_none_is_refused_in_a_sentence(environ):
    run = start(environ, CDISCOUNT_UI_PORT="eighty")

    assert "CDISCOUNT_UI_PORT is 'eighty', expected a port from 1024 to 65535" in run.communicate(timeout=60)[1]
    assert run.returncode == 1
