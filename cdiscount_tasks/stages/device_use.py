"""What the device did while a stage's network ran: noted in the stage's result, and logged in one line."""

import logging
from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.machine.gpu_use import GpuUse
from cdiscount_tasks.pages.parts.device_use import device_use, kind_of_device, waiting_warning

logger = logging.getLogger(__name__)


def tell_device_use(figures: Mapping[str, Any], use: GpuUse | None) -> dict[str, Any]:
    """Log how the device was used; return the figures, with what the GPUs did where that is known.

    Args:
        figures: What else is known: `device`, and, where they are, `images_per_s` and `input_wait_share`.
        use: What was seen of the machine's GPUs; it says nothing of a network that ran on the CPU.

    Returns:
        `figures` with `gpu_busy_share` and `gpu_memory_peak_gib`, each only where it is known.
    """
    told, kind = dict(figures), kind_of_device(figures["device"])
    if use is not None and kind == "GPU":
        seen = {"gpu_busy_share": (use.busy_share, 4), "gpu_memory_peak_gib": (use.memory_peak_gib, 2)}
        told |= {name: round(value, digits) for name, (value, digits) in seen.items() if value is not None}
    if said := device_use(told):
        logger.info("%s: %s", kind, said)
    if warning := waiting_warning(told):
        logger.warning("%s", warning)
    return told
