"""A file put in place in one step, and synced."""

import errno
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cdiscount_tasks.artifacts.documents import replace_document
from cdiscount_tasks.artifacts.in_place import _sync

__all__ = ["_sync", "read_input", "replace_file"]

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
    """Write a file aside and put it in place in one step, so that a reader sees the old one or the new one.

    In a mirror of a bucket it is a document there, which the last one who writes it decides (`documents.py`).
    """
    replace_document(path, write)
