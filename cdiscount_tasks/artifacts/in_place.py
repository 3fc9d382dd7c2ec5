"""A file put in place in one step on this machine's disk, and synced."""

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cdiscount_tasks.artifacts.locks import part_path, remove_dead_parts


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(path: Path, write: Callable[[Path], object], before: Callable[[Path], object] | None = None) -> None:
    """Write a file aside and put it in place in one step, so that a reader sees the old one or the new one.

    Args:
        path: The file.
        write: Called with where to write it.
        before: Called with the written file, right before it gets its name.
    """
    aside = part_path(path)
    try:
        write(aside)
        _sync(aside)
        remove_dead_parts(aside, path)
        if before is not None:
            before(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync(path.parent)


def write_synced(path: Path, data: bytes) -> None:
    """Write bytes and sync them."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def swap_folder(part_dir: Path, out_dir: Path) -> None:
    """Put a directory in the place of another in one step; what stood there before is removed.

    POSIX renames onto empty directories only. Linux can exchange two (renameat2 in glibc from 2.28 on); elsewhere, or
    on a file system that cannot, nothing stands there for the moment between two renames.
    """
    if not out_dir.exists():
        part_dir.rename(out_dir)
        return
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    at_cwd, exchange_flag = -100, 2
    if exchange is None or exchange(at_cwd, os.fsencode(part_dir), at_cwd, os.fsencode(out_dir), exchange_flag) != 0:
        aside = part_path(out_dir)
        out_dir.rename(aside)
        part_dir.rename(out_dir)
        part_dir = aside
    shutil.rmtree(part_dir, ignore_errors=True)
