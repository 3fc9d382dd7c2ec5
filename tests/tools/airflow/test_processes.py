import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from tools.airflow import processes

STUBBORN = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def stubborn():
    """Start a process that ignores Ctrl-C, with a child in a process group of its own, as a running task is."""
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STUBBORN)], stdout=subprocess.PIPE, start_new_session=True
    )
    started.stdout.readline()
    session = session_of(started)
    yield started
    for pid in processes.living(session):
        os.kill(pid, signal.SIGKILL)
    started.wait()


def session_of(started):
    return {started.pid: psutil.Process(started.pid).create_time()}


def test_a_session_holds_the_processes_of_all_its_groups(stubborn):
    assert len(processes.living(session_of(stubborn))) == 2


def test_a_session_is_found_after_its_leader_has_died(stubborn):
    session = session_of(stubborn)
    stubborn.kill()
    stubborn.wait()

    assert len(processes.living(session)) == 1


def test_ending_a_session_leaves_nothing(stubborn, monkeypatch):
    session = session_of(stubborn)
    monkeypatch.setattr(processes, "_STEPS", ((signal.SIGINT, 0.5), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)))

    assert processes.end_sessions(session) == []
    assert processes.living(session) == []


def test_an_id_that_passed_to_another_process_is_left_alone(stubborn):
    long_ago = {pid: birth - 1000 for pid, birth in session_of(stubborn).items()}

    assert processes.living(long_ago) == []


def test_a_signal_that_comes_at_a_bad_moment_waits():
    steps = []
    with pytest.raises(KeyboardInterrupt), processes.signals_held():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
        steps.append("the moment passed")

    assert steps == ["the moment passed"]


def test_a_free_port_is_not_taken():
    assert not processes.is_taken(processes.free_port())
