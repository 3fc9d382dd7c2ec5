import os
import subprocess
import sys

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine import gpus as devices
from cdiscount_tasks.machine.gpus import check_gpus, claim_gpus, list_gpus
from cdiscount_tasks.settings.environment import PROJECT_DIR

ENVIRON = {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}
CLAIM = """
import sys, time
from pathlib import Path
from cdiscount_tasks.machine.gpus import claim_gpus
print(*claim_gpus(int(sys.argv[2]), ["made-up-0", "made-up-1"], Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


@pytest.fixture
def claimant(tmp_path):
    """Return a function that starts another process which claims GPUs and keeps them; returns its GPUs and itself."""
    started = []

    def start(wanted):
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(tmp_path), str(wanted)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRON,
        )  # fmt: skip
        started.append(process)
        return process.stdout.readline().split(), process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch):
    monkeypatch.setattr(devices, "_held", {})


GPUS = ["made-up-0", "made-up-1"]


def test_two_processes_never_get_one_gpu(claimant, tmp_path):
    (one,), _ = claimant(1)
    (other,), _ = claimant(1)
    assert {one, other} == set(GPUS)
    with pytest.raises(RuntimeError, match=r"1 of this machine's 2 GPUs are wanted and 0 are free; .* tried again"):
        claim_gpus(1, GPUS, tmp_path)


def test_a_claim_that_cannot_be_had_whole_takes_nothing(claimant, tmp_path):
    claimant(1)
    with pytest.raises(RuntimeError, match="2 of this machine's 2 GPUs are wanted and 1 are free"):
        claim_gpus(2, GPUS, tmp_path)
    assert len(claimant(1)[0]) == 1


def test_a_killed_process_gives_its_gpus_back(claimant, tmp_path):
    gpus, process = claimant(2)
    assert gpus == GPUS
    process.kill()
    process.wait()
    assert claim_gpus(2, GPUS, tmp_path) == GPUS


def test_a_process_that_claims_again_keeps_what_it_holds(tmp_path):
    assert claim_gpus(1, GPUS, tmp_path) == claim_gpus(1, GPUS, tmp_path)
    assert claim_gpus(2, GPUS, tmp_path) == GPUS


def test_a_machine_without_gpus_claims_none(tmp_path):
    assert claim_gpus(1, [], tmp_path) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("visible", "gpus"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-5f", ["GPU-5f"])])
def test_what_the_environment_shows_is_what_there_is(monkeypatch, visible, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_gpus() == gpus


def test_a_card_has_one_name_however_the_environment_calls_it(monkeypatch):
    monkeypatch.setattr(devices, "_ask_nvidia", lambda *_: [["0", "GPU-5fa1"], ["1", "GPU-77b2"]])
    for visible in ("1", "GPU-77", "GPU-77b2"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert list_gpus() == ["GPU-77b2"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert list_gpus() == ["GPU-5fa1", "GPU-77b2"]


def test_more_gpus_than_the_machine_has_are_no_matter_of_waiting(tmp_path):
    with pytest.raises(ConfigError, match="gpus is 4, but this machine has 2; lower gpus in the sample's preset"):
        claim_gpus(4, GPUS, tmp_path)


def test_a_lock_of_another_user_that_can_only_be_read_is_a_lock(tmp_path):
    for gpu in GPUS:
        (tmp_path / f"{gpu}.lock").touch(mode=0o444)
    assert claim_gpus(2, GPUS, tmp_path) == GPUS


@pytest.mark.parametrize(
    ("found", "wanted", "expected"), [(0, 1, None), (0, 2, None), (1, 1, None), (2, 2, None), (1, 1, 1), (4, 2, 2)]
)
def test_a_machine_with_its_gpus_or_with_none_that_are_asked_for_may_work(monkeypatch, found, wanted, expected):
    monkeypatch.setattr(devices, "list_gpus", lambda: ["made-up"] * found)
    check_gpus(wanted, expected)


@pytest.mark.parametrize(
    ("found", "wanted", "expected", "words"),
    [
        (1, 2, None, r"gpus is 2, but this machine \(.*\) has 1: .* however many slots the pool has; lower gpus"),
        (1, 2, 1, r"gpus is 2, but this machine"),
        (0, 1, 1, r"CDISCOUNT_GPUS is 1, but this machine \(.*\) has 0 GPUs .*: repair its driver"),
        (1, 1, 2, r"CDISCOUNT_GPUS is 2, but this machine \(.*\) has 1 GPUs"),
    ],
)
def test_a_machine_without_the_gpus_that_it_should_have_is_refused(monkeypatch, found, wanted, expected, words):
    monkeypatch.setattr(devices, "list_gpus", lambda: ["made-up"] * found)
    with pytest.raises(ConfigError, match=words):
        check_gpus(wanted, expected)


def test_a_machine_is_not_asked_for_its_gpus_where_one_at_most_is_wanted(monkeypatch):
    def asked():
        raise AssertionError("nvidia-smi takes a moment")

    monkeypatch.setattr(devices, "list_gpus", asked)
    check_gpus(1, None)
