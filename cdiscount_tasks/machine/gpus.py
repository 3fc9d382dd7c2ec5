"""The machine's GPUs: which there are, and each claimed by one process at a time."""

import fcntl
import os
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from cdiscount_tasks.errors import ConfigError

# CUDA's own order is by speed: numbers would not mean the cards that nvidia-smi calls so.
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: dict[str, IO[bytes]] = {}
"""The lock files of the GPUs that this process has claimed. A network's library keeps a GPU's memory until the process
ends, and so does the claim: the system releases it then, however the process ends."""


def _ask_nvidia(query: str, *options: str) -> list[list[str]]:
    """Return what nvidia-smi says, a list a GPU; nothing where there is none."""
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", *options]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[part.strip() for part in line.split(",")] for line in said.stdout.splitlines()]


def list_gpus() -> list[str]:
    """Return the UUIDs of the GPUs that this process may use: those that CUDA_VISIBLE_DEVICES names, or all.

    One card has one name for everyone who locks it, whether the variable gives its number, its UUID or the UUID's
    beginning. What nvidia-smi does not know keeps the name that it was given.
    """
    known = _ask_nvidia("index,uuid")
    if VISIBLE not in os.environ:
        return [uuid for _, uuid in known]
    named = [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    return [next((uuid for number, uuid in known if name == number or uuid.startswith(name)), name) for name in named]


def _open_lock(path: Path) -> IO[bytes]:
    """Open a lock file that another user may have made: reading is enough for a lock."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        path.touch()
        path.chmod(0o644)  # whatever the umask
        return path.open("rb")


def _make_locks_dir(locks_dir: Path | None) -> Path:
    locks_dir = locks_dir or Path(tempfile.gettempdir()) / "cdiscount-gpus"
    if not locks_dir.is_dir():
        locks_dir.mkdir(parents=True, exist_ok=True)
        locks_dir.chmod(0o1777)  # other users of the machine claim there too
    return locks_dir


def _lock(path: Path) -> IO[bytes] | None:
    """Lock a file until the process ends or the file is closed; None: another process holds it."""
    file = _open_lock(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def claim_gpus(wanted: int, gpus: Sequence[str], locks_dir: Path | None = None) -> list[str]:
    """Claim GPUs for this process, each by a lock file; none is ever given to two processes of a machine.

    Args:
        wanted: How many.
        gpus: Their ids.
        locks_dir: Where the lock files lie; None: a folder for the whole machine.

    Returns:
        The claimed ids: none where the machine has no GPU. A process that claims again keeps what it holds.

    Raises:
        ConfigError: If the machine has not so many.
        RuntimeError: If so many are not free: a retry may find them.
    """
    if not gpus:
        return []
    if wanted > len(gpus):
        raise ConfigError(f"gpus is {wanted}, but this machine has {len(gpus)}; lower gpus in the sample's preset")
    locks_dir = _make_locks_dir(locks_dir)
    before = [gpu for gpu in gpus if gpu in _held]
    claimed = before[:wanted]
    for gpu in gpus:
        if len(claimed) == wanted:
            break
        if gpu not in _held and (file := _lock(locks_dir / f"{gpu}.lock")) is not None:
            _held[gpu] = file
            claimed.append(gpu)
    if len(claimed) < wanted:
        for gpu in claimed[len(before) :]:
            _held.pop(gpu).close()
        raise RuntimeError(
            f"{wanted} of this machine's {len(gpus)} GPUs are wanted and {len(claimed)} are free; the task is tried "
            "again, or lower CDISCOUNT_GPU_SLOTS to the number of GPUs; of several machines, let each worker take no "
            "more tasks at once than it has GPUs (`airflow celery worker --concurrency`)"
        )
    return claimed


def check_gpus(wanted: int, expected: int | None) -> None:
    """Refuse a machine that has not the GPUs that a training needs, before hours of work that leads to it.

    Args:
        wanted: By the run: `gpus` of its preset.
        expected: Of each machine that trains, as CDISCOUNT_GPUS says; None: unset, and a machine without any GPU
            computes on its CPU.

    Raises:
        ConfigError: If it has fewer than either; names both numbers.
    """
    if wanted <= 1 and expected is None:
        return
    found, here = len(list_gpus()), socket.gethostname()
    if expected is not None and found < expected:
        raise ConfigError(
            f"CDISCOUNT_GPUS is {expected}, but this machine ({here}) has {found} GPUs (nvidia-smi lists them, "
            f"{VISIBLE} hides some): repair its driver, let its worker listen to other queues, or unset CDISCOUNT_GPUS "
            "where a CPU may do the work"
        )
    if 0 < found < wanted:
        raise ConfigError(
            f"gpus is {wanted}, but this machine ({here}) has {found}: one training runs on one machine, however many "
            "slots the pool has; lower gpus in the sample's preset, or take this machine off the queue of trainings"
        )


def memory_of_gpus_gib() -> list[float]:
    """Return the memory of each GPU that this process uses."""
    shown = os.environ.get(VISIBLE)
    return [float(mib) / 1024 for (mib,) in _ask_nvidia("memory.total", *([f"--id={shown}"] if shown else []))]
