"""What a network's device did, in words, for logs and pages."""

from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.pages.parts.words import percent

MOST_WAITING = 0.2
"""The share of a training's time that may go by in waiting for pictures without a warning."""


def kind_of_device(device: str | None) -> str:
    """Return `GPU` or `CPU`, by the name that a device is given when it is set up."""
    return "GPU" if (device or "").startswith("GPU") else "CPU"


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
        None if busy is None else f"busy {percent(busy, 0)} of the time",
        None if peak_gib is None else f"{peak_gib:.1f} GiB at most",
        None if rate is None else f"{rate:,.0f} images/s",
        None if waited is None else f"{percent(waited, 0)} of the time waited for input",
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
        f"The training waited for its input {percent(waited, 0)} of the time, more than {percent(MOST_WAITING, 0)}: "
        "pictures came more slowly than the network learns from them. Give the worker more CPU cores, lower "
        "image_size, or raise batch_size: fewer steps have fewer pauses"
    )
