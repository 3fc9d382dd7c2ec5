import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from cdiscount_tasks.machine.cores import AHEAD, map_ahead, map_in_processes
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


def own_process(_):
    return os.getpid()


@pytest.mark.parametrize("worth_it", [True, False])
def test_results_of_work_ahead_come_in_the_order_of_the_items(worth_it):
    assert list(map_ahead(double, iter(range(20)), worth_it=worth_it)) == [2 * number for number in range(20)]
    assert list(map_ahead(double, iter(()), worth_it=worth_it)) == []


def test_work_ahead_is_done_by_other_processes_where_it_is_worth_it():
    assert os.getpid() not in set(map_ahead(own_process, range(4), worth_it=True))
    assert set(map_ahead(own_process, range(4), worth_it=False)) == {os.getpid()}


@pytest.mark.parametrize("worth_it", [True, False])
def test_no_more_items_are_taken_than_may_be_under_way(worth_it):
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    most = AHEAD * 2 if worth_it else 1
    results = map_ahead(double, items(), worth_it=worth_it)
    for num_handed_out in range(1, 20):
        next(results)
        assert len(taken) == num_handed_out - 1 + most
    results.close()
    assert len(taken) < 30


def raise_at_three(number):
    if number == 3:
        raise ValueError("three")
    return number


@pytest.mark.parametrize("worth_it", [True, False])
def test_an_error_of_work_ahead_comes_where_its_result_would(worth_it):
    results = map_ahead(raise_at_three, range(50), worth_it=worth_it)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_an_error_of_the_items_ends_the_work():
    def items():
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(map_ahead(double, items(), worth_it=True))


def test_a_worker_ahead_that_the_system_killed_is_told_in_a_sentence():
    with pytest.raises(RuntimeError, match="the system killed one of 2 worker processes"):
        list(map_ahead(die, range(6), worth_it=True))
