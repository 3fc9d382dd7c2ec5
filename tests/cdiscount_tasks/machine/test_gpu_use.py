"""A made-up nvidia-smi says what a test wants to hear: no machine that runs the tests needs a GPU."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cdiscount_tasks.machine import gpu_use
from cdiscount_tasks.machine.gpu_use import GpuUse, GpuWatch
from cdiscount_tasks.settings.environment import PROJECT_DIR

IDLE = "while :; do sleep 0.02; done"


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Return a function that puts an nvidia-smi on PATH, which runs a piece of shell; returns its file of arguments."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(body):
        script = bin_dir / "nvidia-smi"
        script.write_text(f'#!/bin/sh\necho "$$ $@" > {tmp_path}/called\n{body}\n')
        script.chmod(0o755)
        return tmp_path / "called"

    return install


def says(*lines):
    """Return the shell that says some lines and then waits."""
    return f"printf '{''.join(line + chr(92) + 'n' for line in lines)}'\n{IDLE}"


def wait_for(is_so):
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def watched(num_samples):
    """Return what is seen of the GPUs until so many samples were taken."""
    with GpuWatch() as watch:
        wait_for(lambda: watch.use is not None and watch.use.num_samples == num_samples)
    return watch.use


def test_busy_is_the_mean_of_all_samples_of_all_gpus_and_memory_the_most_of_one(smi):
    smi(says("0, 1024", "100, 2048", "50, 512", "50, 4096"))
    assert watched(4) == GpuUse(busy_share=0.5, idle_share=0.25, memory_peak_gib=4.0, num_samples=4)


@pytest.mark.parametrize(("shown", "asked"), [(None, None), ("GPU-a", "--id=GPU-a"), (" 1, GPU-b", "--id=1,GPU-b")])
def test_the_gpus_of_this_process_are_asked_again_and_again_by_one_child(smi, monkeypatch, shown, asked):
    called = smi(says("1, 1"))
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    watched(1)
    _, *arguments = called.read_text().split()
    assert "--loop-ms=500" in arguments and "--query-gpu=utilization.gpu,memory.used" in arguments
    assert [one for one in arguments if one.startswith("--id")] == ([asked] if asked else [])


@pytest.mark.parametrize("shown", ["", "-1", " , "])
def test_a_process_that_sees_no_gpu_asks_nobody(smi, monkeypatch, shown):
    called = smi(says("50, 1024"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    with GpuWatch() as watch:
        pass
    assert watch.use is None and not called.exists()


def test_without_nvidia_smi_there_is_nothing_to_tell(smi, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with GpuWatch() as watch:
        pass
    assert watch.use is None


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "No devices were found",
        "[N/A], [N/A]",
        "nan, nan",
        "101, -4",
        "62",
        "1, 2, 3",
        r"\377\376, \000",
        "inf, inf",
    ],
)
def test_a_damaged_line_counts_for_nothing(smi, damaged):
    smi(says("20, 1024", damaged, "40, 1024"))
    assert watched(2) == GpuUse(busy_share=pytest.approx(0.3), idle_share=0, memory_peak_gib=1.0, num_samples=2)


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("[N/A], 2048", GpuUse(None, None, 2.0, 1)),
        ("40, [Not Supported]", GpuUse(0.4, 0.0, None, 1)),
        ("0, 0", GpuUse(0.0, 1.0, 0.0, 1)),
    ],
)
def test_a_gpu_that_tells_one_of_the_two_is_believed_in_that(smi, line, use):
    smi(says(line))
    assert watched(1) == use


@pytest.mark.parametrize(
    ("body", "use"),
    [
        ("exit 9", None),
        ("echo '50, 1024'; kill -9 $$", GpuUse(0.5, 0.0, 1.0, 1)),
        ("printf '50, 1024\\n99, 9'", GpuUse(0.5, 0.0, 1.0, 1)),
    ],
    ids=["fails", "killed", "cut off within a line"],
)
def test_an_nvidia_smi_that_ends_by_itself_costs_its_further_samples_alone(smi, body, use):
    smi(body)
    with GpuWatch() as watch:
        watch._child.wait(20)
    assert watch.use == use


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_child_is_ended_with_the_block_and_an_error_passes(smi, error):
    called = smi(says("50, 1024"))
    watch = GpuWatch()
    with pytest.raises(error), watch:
        wait_for(lambda: watch.use is not None)
        raise error
    assert not lives(int(called.read_text().split()[0])) and not watch._reader.is_alive()
    assert watch._child.stdout.closed and watch.use.num_samples == 1


def test_a_child_that_does_not_end_when_asked_is_killed(smi, monkeypatch):
    monkeypatch.setattr(gpu_use, "_PATIENCE_S", 0.3)
    called = smi("trap '' TERM\n" + says("50, 1024"))
    assert watched(1).busy_share == 0.5
    assert not lives(int(called.read_text().split()[0]))


WATCH = """
import time
from cdiscount_tasks.machine.gpu_use import GpuWatch
with GpuWatch() as watch:
    while watch.use is None:
        time.sleep(0.01)
    print("sees", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_no_child_behind(smi):
    called = smi("while :; do echo '50, 1024'; sleep 0.02; done")
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR)},
    )  # fmt: skip
    assert process.stdout.readline() == "sees\n"
    child = int(called.read_text().split()[0])
    assert lives(child)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_for(lambda: not lives(child))
