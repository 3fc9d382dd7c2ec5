"""What a run took: time, device, memory and cost of each stage."""

import re
from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.settings.run import PriceConfig

_GPUS = re.compile(r"GPU, (\d+) x ")
_HOUR_S = 3600


def _num_gpus(device: str | None) -> int:
    """Return how many GPUs a stage held, by the name that `prepare_device` gives its device."""
    found = _GPUS.match(device or "")
    return int(found[1]) if found else 0


def _cost(duration_s: float, num_gpus: int, prices: PriceConfig) -> float | None:
    price = prices.per_cpu_hour if num_gpus == 0 else prices.per_gpu_hour
    return None if price is None else round(duration_s / _HOUR_S * price * max(num_gpus, 1), 6)


def account(manifests: Mapping[str, Mapping[str, Any]], prices: PriceConfig) -> dict[str, Any]:
    """Account for what each stage took, whether in this run or in an earlier one whose artifact was found again.

    Args:
        manifests: Of the artifacts, by stage, in the order of the way.
        prices: Of an hour; None where unknown.

    Returns:
        `stages` (each `stage`, `device`, `num_gpus`, `duration_s`, `peak_memory_mib`, `gpu_busy_share`,
        `gpu_memory_peak_gib`, `gpu_hours`, `cost`), `total` (`duration_s`, `gpu_hours`, `cost`) and `prices`. A cost is
        null where the price that it needs is; the total's where any stage's is.
    """
    stages = []
    for stage, manifest in manifests.items():
        result, duration_s = manifest["result"], manifest["duration_s"]
        device = result.get("device")
        num_gpus = _num_gpus(device)
        stages.append(
            {
                "stage": stage,
                "device": device,
                "num_gpus": num_gpus,
                "duration_s": duration_s,
                "peak_memory_mib": manifest.get("peak_memory_mib"),
                "gpu_busy_share": result.get("gpu_busy_share"),
                "gpu_memory_peak_gib": result.get("gpu_memory_peak_gib"),
                "gpu_hours": round(num_gpus * duration_s / _HOUR_S, 6),
                "cost": _cost(duration_s, num_gpus, prices),
            }
        )
    costs = [one["cost"] for one in stages]
    return {
        "stages": stages,
        "total": {
            "duration_s": round(sum(one["duration_s"] for one in stages), 3),
            "gpu_hours": round(sum(one["gpu_hours"] for one in stages), 6),
            "cost": None if None in costs else round(sum(costs), 6),
        },
        "prices": prices.model_dump(mode="json"),
    }
