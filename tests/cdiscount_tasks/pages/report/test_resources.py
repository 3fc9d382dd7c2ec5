import pytest

from cdiscount_tasks.pages.report.resources import account
from cdiscount_tasks.settings.run import PriceConfig


def manifest(duration_s, device=None, **others):
    return {"duration_s": duration_s, "result": {"device": device} if device else {}, **others}


MANIFESTS = {
    "labels": manifest(3600, peak_memory_mib=512),
    "model": manifest(1800, "GPU, 2 x NVIDIA H100"),
    "evaluation": manifest(360, "CPU, 8 cores"),
}


def test_gpu_hours_are_hours_times_gpus_and_other_devices_take_none():
    told = account(MANIFESTS, PriceConfig())
    assert [one["gpu_hours"] for one in told["stages"]] == [0, 1, 0]
    assert (told["total"]["gpu_hours"], told["total"]["duration_s"]) == (1, 5760)


def test_a_stage_costs_by_the_hour_of_what_it_ran_on():
    told = account(MANIFESTS, PriceConfig(per_cpu_hour=0.5, per_gpu_hour=3, currency="USD"))
    assert [one["cost"] for one in told["stages"]] == [0.5, 3, 0.05]
    assert told["total"]["cost"] == pytest.approx(3.55)
    assert told["prices"]["currency"] == "USD"


def test_without_a_price_that_is_needed_there_is_no_total():
    told = account(MANIFESTS, PriceConfig(per_gpu_hour=3))
    assert [one["cost"] for one in told["stages"]] == [None, 3, None]
    assert told["total"]["cost"] is None
    cpu_only = {name: MANIFESTS[name] for name in ("labels", "evaluation")}
    assert account(cpu_only, PriceConfig(per_cpu_hour=1))["total"]["cost"] == pytest.approx(1.1)


def test_memory_that_an_older_artifact_did_not_note_is_null():
    assert [one["peak_memory_mib"] for one in account(MANIFESTS, PriceConfig())["stages"]] == [512, None, None]


def test_what_the_gpus_did_is_told_of_each_stage_that_knows_it():
    model = manifest(1800, "GPU, 1 x NVIDIA H100")
    model["result"] |= {"gpu_busy_share": 0.62, "gpu_memory_peak_gib": 3.1}
    told = account({**MANIFESTS, "model": model}, PriceConfig())["stages"]
    assert [(one["gpu_busy_share"], one["gpu_memory_peak_gib"]) for one in told] == [
        (None, None),
        (0.62, 3.1),
        (None, None),
    ]
