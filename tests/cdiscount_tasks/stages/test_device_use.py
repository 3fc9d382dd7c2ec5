import logging

import pytest

from cdiscount_tasks.machine.gpu_use import GpuUse
from cdiscount_tasks.stages.device_use import tell_device_use

ON_GPU = {"device": "GPU, 1 x made-up", "images_per_s": 15_500.0}
USE = GpuUse(busy_share=0.62349, idle_share=0.1, memory_peak_gib=3.1251, num_samples=40)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return caplog


def test_what_the_gpus_did_is_noted_and_logged_in_one_line(log):
    figures = tell_device_use({**ON_GPU, "input_wait_share": 0.08}, USE)
    assert figures == {**ON_GPU, "input_wait_share": 0.08, "gpu_busy_share": 0.6235, "gpu_memory_peak_gib": 3.13}
    assert log.messages == [
        "GPU: busy 62 % of the time, 3.1 GiB at most, 15,500 images/s, 8 % of the time waited for input"
    ]


def test_what_a_gpu_does_not_tell_is_left_out(log):
    assert tell_device_use(ON_GPU, None) == ON_GPU
    assert tell_device_use(ON_GPU, USE._replace(busy_share=None)) == {**ON_GPU, "gpu_memory_peak_gib": 3.13}
    assert log.messages == ["GPU: 15,500 images/s", "GPU: 3.1 GiB at most, 15,500 images/s"]


def test_a_gpu_that_the_network_did_not_run_on_is_not_told_of(log):
    on_cpu = {"device": "CPU, 2 cores", "images_per_s": 310.0}
    assert tell_device_use(on_cpu, USE) == on_cpu
    assert log.messages == ["CPU: 310 images/s"]


def test_a_long_wait_is_a_warning(log):
    tell_device_use({**ON_GPU, "input_wait_share": 0.35}, USE)
    (warning,) = [record.getMessage() for record in log.records if record.levelno == logging.WARNING]
    assert "waited for its input 35 % of the time" in warning
