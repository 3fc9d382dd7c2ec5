"""The most memory that this process held while it did something."""

import contextlib
import re
import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def forget_peak() -> None:
    """Begin to measure anew, where the system can (Linux); elsewhere the peak is that of the process's whole life."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def peak_memory_mib() -> int:
    """Return the most memory that this process held since `forget_peak`, without its child processes."""
    with contextlib.suppress(OSError):
        found = _PEAK.search(_STATUS.read_text(encoding="utf-8"))
        if found:
            return int(found[1]) >> 10
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used >> (20 if sys.platform == "darwin" else 10)
