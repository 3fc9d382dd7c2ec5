"""Faults of the system told apart from damage, and those of a full or unwritable disk as sentences."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import setting_of

_CODE_IN_WORDS = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)


_OF_BYTES = frozenset({errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.EOVERFLOW, errno.ESPIPE})
"""What Arrow's reader runs into when a damaged file sends it to a place that no file has."""


def system_code(error: OSError) -> int | None:
    """Return the system's code for a fault; None: a library says in an OSError that it does not like the bytes."""
    # PyArrow sets it only in newer versions; its text always ends in "[errno N] ...".
    found = _CODE_IN_WORDS.search(str(error))
    return error.errno or (int(found[1]) if found else None)


def is_of_the_system(error: BaseException) -> bool:
    """Tell whether it was the system that failed (a disk, a network, memory), not the bytes that were read."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, OSError) and system_code(error) not in {None, *_OF_BYTES}


_DISK_FAULTS = {
    errno.ENOSPC: "the disk is full: free space there or point {setting} at another disk",
    errno.EDQUOT: "the disk quota is used up: free space there or point {setting} at another disk",
    errno.EACCES: "it cannot be written: give this user the right to, or point {setting} elsewhere",
    errno.EPERM: "it cannot be written: give this user the right to, or point {setting} elsewhere",
    errno.EROFS: "the file system is read-only: point {setting} elsewhere",
    errno.ENOTDIR: "a part of the path is no folder: point {setting} elsewhere",
}


def _is_written(path: Path, folder: Path) -> bool:
    """Tell whether a file is of what is being written: the folder, a part of it, or a folder on the way to it."""
    if folder.is_relative_to(path):
        return True
    below = path.relative_to(folder.parent).parts if path.is_relative_to(folder.parent) else ()
    return bool(below) and (below[0] == folder.name or below[0].startswith(f".{folder.name}."))


@contextmanager
def disk_faults_told(folder: Path, setting: str = "CDISCOUNT_DATA") -> Iterator[None]:
    """Turn what a full or unwritable disk raises into a sentence.

    Args:
        folder: What is being written.
        setting: The environment variable that moves it; a folder of a mirror is moved by CDISCOUNT_CACHE.

    Raises:
        ConfigError: For the faults that a user can mend; any other OSError passes.
    """
    try:
        yield
    except OSError as error:
        code = system_code(error)
        if code not in _DISK_FAULTS:
            raise
        path = Path(error.filename) if isinstance(error.filename, str) else folder
        if code in (errno.EACCES, errno.EPERM) and not _is_written(path, folder):
            if path.is_relative_to(folder.parent):
                raise  # an artifact beside it, which this project made: it may be readable again in a moment
            raise ConfigError(f"{error.filename}: cannot be read: give this user the right to") from error
        raise ConfigError(f"{folder}: {_DISK_FAULTS[code].format(setting=setting_of(folder, setting))}") from error
