"""The data root as a place that several machines share: its id, whether locks hold in it, and what time it is there."""

import errno
import fcntl
import os
import re
import socket
import tempfile
import time
import uuid
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import create_document, pull
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.artifacts.same_root import MARKER, check_same_root
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import in_bucket

_ID = re.compile(r"[0-9a-f]{32}")
_LOCAL_OPTIONS = frozenset({"nolock", "local_lock=all", "local_lock=flock", "localflock"})
_LOCAL_KINDS = re.compile(
    r"fuse\.(s3fs|goofys|geesefs|rclone|gcsfuse|mount-?s3|mountpoint-s3|blobfuse2?|sshfs)|9p|vboxsf"
)
"""File systems whose locks the kernel keeps to itself: other machines do not learn of them."""


class Mount(NamedTuple):
    """A mounted file system: its kind as the kernel calls it, and its options."""

    kind: str
    options: frozenset[str]


def root_id(data_dir: Path) -> str | None:
    """Return a data root's id; None: it has none yet.

    Raises:
        ConfigError: If a bucket has lost it, or has another one than this machine has seen there.
    """
    if in_bucket(data_dir) is not None:
        check_same_root(data_dir)
    pull(data_dir / MARKER)
    try:
        text = (data_dir / MARKER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return text if _ID.fullmatch(text) else None


def mark_root(data_dir: Path, setting: str = "CDISCOUNT_DATA") -> str:
    """Return a data root's id, or that of the reports folder, which the first run that begins there makes.

    Args:
        data_dir: The folder, made if it is missing.
        setting: The environment variable that names it.

    Raises:
        ConfigError: If the disk is full or cannot be written, or the file system has no locks.
    """
    if found := root_id(data_dir):
        return found
    with disk_faults_told(data_dir, setting):
        data_dir.mkdir(parents=True, exist_ok=True)
        with lock(data_dir / f"{MARKER}.lock", "the mark of the folder", setting):
            if found := root_id(data_dir):
                return found
            made = uuid.uuid4().hex
            if create_document(data_dir / MARKER, f"{made}\n".encode()):
                return made
            return root_id(data_dir) or made


@cache
def boot_id() -> str:
    """Return what tells this machine since its start from every other one; containers of a machine share it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return socket.gethostname()  # not Linux


def mount_of(folder: Path, table: str | None = None) -> Mount | None:
    """Return the file system that a folder is on; None: this system does not say.

    Args:
        folder: Need not exist.
        table: What `/proc/self/mountinfo` holds; None: it is read.
    """
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if table is None else table
    except OSError:
        return None
    path, best, found = folder.resolve(), -1, None
    for line in table.splitlines():  # 36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue
        before, _, after = line.partition(" - ")
        fields, kind_and_rest = before.split(), after.split()
        if len(fields) < 6 or len(kind_and_rest) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= best:  # of two at one place the later one covers
            best = len(point.parts)
            found = Mount(kind_and_rest[0], frozenset([*fields[5].split(","), *kind_and_rest[2].split(",")]))
    return found


def why_locks_stay_local(mount: Mount | None) -> str:
    """Say why locks on a file system hold between the processes of one machine alone; empty: nothing says so."""
    if mount is None:
        return ""
    if mount.options & _LOCAL_OPTIONS:
        return f"{mount.kind}, mounted with {' and '.join(sorted(mount.options & _LOCAL_OPTIONS))}"
    return f"{mount.kind}, which passes no locks on" if _LOCAL_KINDS.fullmatch(mount.kind) else ""


def check_locks(data_dir: Path) -> None:
    """Take a lock in a folder, and look whether it keeps anyone else out.

    Raises:
        ConfigError: If the file system has no locks, or gives the same one twice.
        OSError: If it does not answer for now.
    """
    path = data_dir / f".lock-probe-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with disk_faults_told(data_dir):
        try:
            with lock(path, "a probe"), path.open("r+b") as other:
                try:
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                        raise
                    return
        finally:
            path.unlink(missing_ok=True)
    raise ConfigError(
        f"{data_dir}: locks do not hold on the file system of this folder (the same one was given twice at a time), so "
        "that two tasks would write the same artifact; point CDISCOUNT_DATA at a file system whose locks hold (a "
        "local disk, NFS of version 4, CephFS, Lustre mounted with flock)"
    )


def clock_ahead_s(folder: Path) -> float:
    """Return by how many seconds this machine's clock is ahead of the one that dates a folder's files.

    On a file system that several machines share that is the server's, as a rule: a file is written, and removed.

    Raises:
        ConfigError: If the disk is full or cannot be written.
    """
    with disk_faults_told(folder), tempfile.TemporaryFile(dir=folder) as file:
        before = time.time()
        file.write(b"?")
        file.flush()
        os.fsync(file.fileno())
        dated, after = os.fstat(file.fileno()).st_mtime, time.time()
    return before - dated if dated < before else after - dated if dated > after else 0.0
