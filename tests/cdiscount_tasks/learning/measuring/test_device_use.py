import logging

import pytest

from cdiscount_tasks.learning.measuring.device_use import (
    MOST_WAITING,
    device_use,
    tell_device_use,
    waiting_warning,
)
from cdiscount_tasks.machine.gpu_use import GpuUse

ON_GPU = {"device": "GPU, 1 x made-up", "images_per_s": 15_500.0}
USE = GpuUse(busy_share=0.62349, idle_share=0.1, memory_peak_gib=3.1251, num_samples=40)
KNOWN = {"gpu_busy_share": 0.62, "gpu_memory_peak_gib": 3.14, "images_per_s": 15_500.4, "input_wait_share": 0.08}


def test_what_a_device_did_is_told_in_one_line():
    said = "busy 62 % of the time, 3.1 GiB at most, 15,500 images/s, 8 % of the time waited for input"
    assert device_use(KNOWN) == said
    assert "images/s" not in device_use(KNOWN, with_speed=False)


@pytest.mark.parametrize("missing", [{}, dict.fromkeys(KNOWN)])
def test_what_nobody_knows_is_not_told(missing):
    assert device_use(missing) == waiting_warning(missing) == ""
    assert device_use({**missing, "gpu_busy_share": 0.0}) == "busy 0 % of the time"
    assert device_use({**missing, "images_per_s": 310.0}) == "310 images/s"


def test_only_who_waited_too_long_is_told_what_to_do():
    assert waiting_warning({"input_wait_share": MOST_WAITING}) == ""
    said = waiting_warning({"input_wait_share": 0.35})
    assert said.startswith("The training waited for its input 35 % of the time, more than 20 %: ")
    assert all(knob in said for knob in ("batch_size", "image_size", "CPU cores"))


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
