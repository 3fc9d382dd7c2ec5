"""What the device did while a network ran: noted among the figures, logged in one line, told on the report's page."""

import logging
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from cdiscount_tasks.machine.gpu_use import GpuUse

logger = logging.getLogger(__name__)

MOST_WAITING = 0.2
"""The share of a training's time that may go by in waiting for pictures without a warning."""


class DeviceFigures(TypedDict):
    """What is known of a device and its work; what is missing, nobody knows.

    Attributes:
        device: As `prepare_device` names it.
        images_per_s: Decoding included where it runs ahead of the network; an image and its mirror image are one.
        gpu_busy_share: In [0, 1], of the time, the mean over the GPUs.
        gpu_memory_peak_gib: The most that was taken of one GPU's memory.
        input_wait_share: In [0, 1], of the time, in which the network waited for images.
    """

    device: str
    images_per_s: NotRequired[float]
    gpu_busy_share: NotRequired[float]
    gpu_memory_peak_gib: NotRequired[float]
    input_wait_share: NotRequired[float]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def device_use(figures: Mapping[str, Any], *, with_speed: bool = True) -> str:
    """Return what is known of how a device was used: `busy 62 % of the time, 3.1 GiB at most, 15,500 images/s`.

    Args:
        figures: `gpu_busy_share` and `input_wait_share` in [0, 1], `gpu_memory_peak_gib`, `images_per_s`; each may be
            missing or None. Nothing of them is known: the text is empty.
        with_speed: Whether images per second are said.
    """
    busy, peak_gib, waited = (
        figures.get(name) for name in ("gpu_busy_share", "gpu_memory_peak_gib", "input_wait_share")
    )
    rate = figures.get("images_per_s") if with_speed else None
    said = (
        None if busy is None else f"busy {_percent(busy)} of the time",
        None if peak_gib is None else f"{peak_gib:.1f} GiB at most",
        None if rate is None else f"{rate:,.0f} images/s",
        None if waited is None else f"{_percent(waited)} of the time waited for input",
    )
    return ", ".join(filter(None, said))


def waiting_warning(figures: Mapping[str, Any]) -> str:
    """Return what to do about a training that waited too long for its input; empty: it did not, or nobody knows.

    Args:
        figures: `input_wait_share` in [0, 1], which may be missing or None.
    """
    waited = figures.get("input_wait_share")
    if waited is None or waited <= MOST_WAITING:
        return ""
    return (
        f"The training waited for its input {_percent(waited)} of the time, more than {_percent(MOST_WAITING)}: "
        "pictures came more slowly than the network learns from them. Give the worker more CPU cores, lower "
        "image_size, or raise batch_size: fewer steps have fewer pauses"
    )


def tell_device_use(figures: Mapping[str, Any], use: GpuUse | None) -> dict[str, Any]:
    """Log how the device was used; return the figures, with what the GPUs did where that is known.

    Args:
        figures: What else is known: `device`, and, where they are, `images_per_s` and `input_wait_share`.
        use: What was seen of the machine's GPUs; it says nothing of a network that ran on the CPU.

    Returns:
        `figures` with `gpu_busy_share` and `gpu_memory_peak_gib`, each only where it is known.
    """
    told, on_gpu = dict(figures), figures["device"].startswith("GPU")
    if use is not None and on_gpu:
        seen = {"gpu_busy_share": (use.busy_share, 4), "gpu_memory_peak_gib": (use.memory_peak_gib, 2)}
        told |= {name: round(value, digits) for name, (value, digits) in seen.items() if value is not None}
    if said := device_use(told):
        logger.info("%s: %s", "GPU" if on_gpu else "CPU", said)
    if warning := waiting_warning(told):
        logger.warning("%s", warning)
    return told
