"""A file put in place in one step, and synced."""

import errno
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cdiscount_tasks.artifacts.locks import part_path, remove_dead_parts

logger = logging.getLogger(__name__)

MOST_INPUT_BYTES = 2**28
"""Of a CSV that a person gives. A split of all 7 million products has half of it."""


def read_input(path: Path) -> bytes:
    """Read a file from outside, which may be anything: a pipe would be waited for, a device would never end.

    Raises:
        OSError: If it cannot be read, is no regular file or has more than MOST_INPUT_BYTES; says so in its `strerror`.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, expected a file", str(path))
        if status.st_size > MOST_INPUT_BYTES:
            found = f"it has {status.st_size:,} bytes, expected at most {MOST_INPUT_BYTES:,}"
            raise OSError(errno.EFBIG, found, str(path))
        return file.read()


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file aside and put it in place in one step, so that a reader sees the old one or the new one."""
    aside = part_path(path)
    try:
        write(aside)
        _sync(aside)
        remove_dead_parts(aside, path)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
