import pytest

from cdiscount_tasks.pages.parts.device_use import MOST_WAITING, device_use, kind_of_device, waiting_warning

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


@pytest.mark.parametrize(
    ("device", "kind"), [("GPU, 2 x NVIDIA H100", "GPU"), ("CPU, 8 cores", "CPU"), ("cpu", "CPU"), (None, "CPU")]
)
def test_a_device_is_a_gpu_by_its_name(device, kind):
    assert kind_of_device(device) == kind
