"""One builder at a time: locks that the system releases when their holder dies, and parts that name their builder.

A part is what a builder writes before it appears under its own name: `.<name>.<builder>.part`. Where locks do not reach
(another machine of a file system that does not pass them on), the part itself tells whether its builder lives.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import logging
import os
import re
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import setting_of

logger = logging.getLogger(__name__)

_LOCK_POLL_S = 0.2
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

HEARTBEAT_S = 60.0
DEAD_AFTER_S = 3600.0
"""A part of another machine that has not moved for so long is taken for dead."""

_BUILDER = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-(?P<start>\d+)-[0-9a-f]{8}\.part$")


def _try_lock(descriptor: int, kind: int, path: Path, setting: str) -> bool:
    """Take a lock if it is free.

    Raises:
        ConfigError: If the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise ConfigError(
            f"{path.parent}: the file system of this folder has no locks ({error.strerror}); point "
            f"{setting_of(path, setting)} at one that has (a local disk, NFS of version 4, CephFS, Lustre mounted "
            "with flock), or mount it with locks"
        ) from error
    return True


@contextmanager
def lock(path: Path, wanted: str, setting: str = "CDISCOUNT_DATA", *, shared: bool = False) -> Iterator[None]:
    """Hold a lock file, waiting for whoever holds it; the system releases it when its holder dies.

    Args:
        path: The lock file; it stays, since removing it would race with those who wait.
        wanted: What is being waited for, for the log.
        setting: The environment variable that moves the folder, for the sentence about a file system without locks.
        shared: Whether others may hold it at the same time, if they share it too.

    Raises:
        ConfigError: If the file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        told = False
        while not _try_lock(file.fileno(), fcntl.LOCK_SH if shared else fcntl.LOCK_EX, path, setting):
            if not told:
                file.seek(0)
                logger.info("%s is being made by %s: waiting for it", wanted, file.read().strip() or "another")
                told = True
            time.sleep(_LOCK_POLL_S)
        if not shared:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield


@contextmanager
def lock_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock file if nobody does; tells whether it is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        yield _try_lock(file.fileno(), fcntl.LOCK_EX, path, "CDISCOUNT_DATA")


def _read_text(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text(encoding="utf-8").strip()
    return ""


@cache
def _machine() -> str:
    """Return 8 hex digits of this host since it started; containers that do not see each other's processes differ."""
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    words = (socket.gethostname(), _read_text("/proc/sys/kernel/random/boot_id"), namespace)
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def _state_of(process: int) -> tuple[str, int]:
    """Return a process' state in one letter, and when it started in the system's own ticks; "" and 0: not known."""
    # Its name, in parentheses, may hold spaces.
    fields = _read_text(f"/proc/{process}/stat").rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else ("", 0)


def _lives(process: int, started: int) -> bool:
    """Tell whether a process of this machine still runs; its number may have been given to another since."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    state, found = _state_of(process)
    return state not in ("Z", "X") and (not started or found in (0, started))


def part_path(path: Path) -> Path:
    """Return where to write what will appear at a path; its name says which process of which machine writes it."""
    # Short: a report's folder has up to 207 of the 255 characters that a name may have.
    process = os.getpid()
    return path.with_name(f".{path.name}.{_machine()}-{process}-{_state_of(process)[1]}-{uuid.uuid4().hex[:8]}.part")


def _is_dead(part: Path, now_s: float) -> bool:
    builder = _BUILDER.search(part.name)
    if builder and builder["machine"] == _machine():
        return not _lives(int(builder["process"]), int(builder["start"]))
    try:
        return abs(now_s - part.lstat().st_mtime) > DEAD_AFTER_S
    except FileNotFoundError:
        return False


def remove_dead_parts(own_part: Path, path: Path) -> None:
    """Remove what builders that died left of what will appear at a path.

    A builder of this machine is dead when its process is; one of another when its part has not moved for an hour. The
    hour is that of the file system, which wrote the time of our own part too: machines' clocks differ.

    Args:
        own_part: The caller's, which exists and was just made.
        path: What the parts would become.
    """
    now_s = own_part.lstat().st_mtime
    for part in sorted(path.parent.glob(f".{glob.escape(path.name)}.*.part")):
        if part != own_part and _is_dead(part, now_s):
            logger.info("removing %s, left by a builder that died", part.name)
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _times_of_others(part: Path) -> dict[Path, int]:
    """Return when the other parts of what a part becomes were moved last, in ns."""
    if (builder := _BUILDER.search(part.name)) is None:
        return {}
    others = set(part.parent.glob(f"{glob.escape(part.name[: builder.start()])}.*.part")) - {part}
    times = {}
    for other in others:
        with contextlib.suppress(OSError):
            times[other] = other.lstat().st_mtime_ns
    return times


@contextmanager
def heartbeat(part_dir: Path) -> Iterator[None]:
    """Move the time of a part forward while it is being written, so that nobody takes its builder for dead.

    Whoever writes it holds its lock. A part of somebody else that moves meanwhile shows that locks do not hold between
    the two, which the log then says: the artifact comes out right, but is made twice.
    """
    ended = threading.Event()

    def beat() -> None:
        known, told = _times_of_others(part_dir), False
        while not ended.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):
                os.utime(part_dir)
            now = _times_of_others(part_dir)
            moved = [part.name for part, time_ns in now.items() if known.get(part, time_ns) != time_ns]
            known |= now
            if moved and not told:
                told = True
                logger.error(
                    "%s is written by another machine at this moment (%s), though this task holds its lock: locks do "
                    "not hold between machines on the file system of this folder; use one that passes them on (NFS of "
                    "version 4, CephFS, Lustre mounted with flock)", part_dir.parent, moved[0],
                )  # fmt: skip

    threading.Thread(target=beat, name=f"heartbeat of {part_dir.name}", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
