"""Whole processes measured: wall time, CPU time and peak memory. Imports little: a child's peak counts its parent's."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_READ_BYTES = 2 << 20
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """What one process took, its own children included (peak memory: of the largest)."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    said: dict[str, Any]


def run_step(module: str, *arguments: object) -> Run:
    """Run `python -m module arguments` and measure it; its last line may be JSON.

    Raises:
        RuntimeError: If it fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    # Bytecode is kept, as in any installation: where it is not, a peer's imports cost seconds and flatter us.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "cdiscount-benchmark-bytecode")
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    lines = text.splitlines()
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_UNIT / 2**20, said)


def run_main(main: Callable[[], object], *steps: Callable[..., None]) -> None:
    """Run what a module was started for: one of its steps (`python -m <module> <step> ...`), or all of it."""
    chosen = [step for step in steps if sys.argv[1:2] == [step.__name__]]
    if chosen:
        chosen[0](*sys.argv[2:])
    else:
        main()


def make_cold(path: Path) -> bool:
    """Drop a file from the page cache; False where the system cannot."""
    if not hasattr(os, "posix_fadvise"):
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return True


def plain_read_s(path: Path) -> float:
    """Return the seconds of reading a file from begin to end into one buffer."""
    buffer = bytearray(_READ_BYTES)
    started = time.monotonic()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.monotonic() - started


def median(values: list[float]) -> float:
    """Return the median, rounded for people."""
    return round(statistics.median(values), 3)


def keep_part(path: Path, name: str, part: dict[str, Any]) -> None:
    """Write one part of a JSON file anew; the others stay as they are."""
    parts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(parts | {name: part}, indent=2) + "\n", encoding="utf-8")
