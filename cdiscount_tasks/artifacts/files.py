"""Artifacts: directories `<stage>-<key>` that appear whole or not at all, and are found again by their key.

An artifact is written into `.<name>.<builder>.part/`, its manifest last, synced and renamed. One builder per name holds
a lock that the system releases when the holder dies; what the dead left behind, the next builder removes.

Damage is what the bytes say. A file that cannot be read for now is an OSError, which passes: nothing is removed for it,
and the same call may succeed in a minute."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from cdiscount_tasks.artifacts.locks import part_path, remove_dead_parts

logger = logging.getLogger(__name__)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
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
