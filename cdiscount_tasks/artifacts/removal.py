"""Removal of what nobody needs: set aside in one step under its lock, then deleted; links are never followed.

What is set aside carries the name of a part (`artifacts/locks.py`). A kill before it is deleted leaves a dead part,
which the next clean-up removes: nothing half removed keeps its name.
"""

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cdiscount_tasks.artifacts.bucket import remove_from_bucket
from cdiscount_tasks.artifacts.bucket_listing import listing_of
from cdiscount_tasks.artifacts.files import _sync
from cdiscount_tasks.artifacts.locks import _is_dead, lock_if_free, part_path
from cdiscount_tasks.settings.places import in_bucket


def is_real_folder(path: Path) -> bool:
    """Tell whether a folder is there, and not a link to one.

    Raises:
        OSError: If it cannot be looked at for now.
    """
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _states(folder: Path) -> Iterator[os.stat_result]:
    """Yield the state of a folder and of all that is in it; what is removed meanwhile is left out."""
    with contextlib.suppress(FileNotFoundError):
        yield folder.lstat()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                yield Path(parent, name).lstat()


def size_and_change(folder: Path) -> tuple[int, float]:
    """Return how many bytes the files of a folder have, and when anything in it was written last.

    Of a mirror's folder that is what the bucket has, by the bucket's clock; of one that is here alone, as on a disk.

    Returns:
        Bytes; seconds since 1970, 0 where the folder is gone.
    """
    if (place := in_bucket(folder)) is not None and (listing := listing_of(place.url)).below(place.name):
        return listing.size_and_change(place.name)
    found = list(_states(folder))
    num_bytes = sum(state.st_size for state in found if stat.S_ISREG(state.st_mode))
    return num_bytes, max((state.st_mtime for state in found), default=0.0)


def is_left_over(part: Path) -> bool:
    """Tell whether the builder of a part has died: that of this machine, or one that has not moved it for an hour."""
    return _is_dead(part, time.time())


def remove_folder(folder: Path, lock_path: Path | None, why_not: Callable[[], str]) -> str:
    """Remove a folder, unless somebody holds its lock; of a mirror's, the bucket's objects first.

    Args:
        folder: What is removed; one that is gone already is no fault.
        lock_path: Of whoever makes or reads it; None: it has none.
        why_not: Called with the lock held, right before the folder loses its name: why it stays after all; empty: it
            goes.

    Returns:
        Why it was left, or what is left of it; empty: it is gone.

    Raises:
        ConfigError: If the file system has no locks.
    """
    try:
        if not is_real_folder(folder) and (folder.is_symlink() or in_bucket(folder) is None):
            return "it is a link" if folder.is_symlink() else ""
        with contextlib.ExitStack() as stack:
            if lock_path is not None and not stack.enter_context(lock_if_free(lock_path)):
                return "it is in use"
            if reason := why_not():
                return reason
            remove_from_bucket(folder)
            aside = part_path(folder)
            folder.rename(aside)
            _sync(folder.parent)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be removed ({error.strerror or error})"
    return delete_part(aside)


def delete_part(aside: Path) -> str:
    """Delete what has lost its name already; returns what is left of it, empty where nothing is."""
    if aside.is_symlink() or not aside.is_dir():
        with contextlib.suppress(OSError):
            aside.unlink()
    else:
        shutil.rmtree(aside, ignore_errors=True)
    return f"a part of it cannot be removed: {aside}" if os.path.lexists(aside) else ""
