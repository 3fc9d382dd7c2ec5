import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from cdiscount_tasks.machine.cores import map_in_processes
from cdiscount_tasks.settings.environment import PROJECT_DIR


def double(number):
    return 2 * number


def die(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep_on(number):
    os.write(1, f"{os.getpid()}\n".encode())
    time.sleep(120)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr("cdiscount_tasks.machine.cores.usable_cores", lambda: 2)


def test_results_come_in_the_order_of_the_items():
    assert list(map_in_processes(double, range(9), worth_it=True)) == [2 * number for number in range(9)]


def test_a_worker_that_the_system_killed_is_told_in_a_sentence():
    with pytest.raises(RuntimeError, match="the system killed one of 2 worker processes"):
        list(map_in_processes(die, range(6), worth_it=True))


def test_workers_end_when_the_process_that_started_them_is_killed():
    code = f"""
import sys
sys.path.insert(0, {str(PROJECT_DIR)!r})
from cdiscount_tasks.machine import cores as parallel
from tests.cdiscount_tasks.machine.test_cores import sleep_on
parallel.usable_cores = lambda: 2
if __name__ == "__main__":
    list(parallel.map_in_processes(sleep_on, [1, 2], worth_it=True))
"""
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    workers = [int(starter.stdout.readline()) for _ in range(2)]
    starter.kill()
    starter.wait()

    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(psutil.pid_exists, workers))
