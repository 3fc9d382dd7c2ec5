"""Why a path that a setting names cannot be what it should be."""

import errno
import os
import stat
from pathlib import Path
from typing import Literal

_LONGEST_NAME, _LONGEST_PATH = 255, 4095
"""Bytes, on all usual file systems."""
_NO_PLACE = {
    errno.ELOOP: "it is a link that leads back to itself",
    errno.ENAMETOOLONG: "its name is too long",
}


def fault_of(path: Path, wanted: Literal["file", "folder"]) -> str | None:
    """Say why a path is not the file or folder that it should be; None: it is one."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "it is a link to nothing" if path.is_symlink() else f"no such {wanted}"
    except OSError as error:
        return _NO_PLACE.get(error.errno or 0, f"cannot be read: {error.strerror}")
    found = "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "device"
    return None if found == wanted else f"it is a {found}, expected a {wanted}"


def fault_in_place_of(folder: Path) -> str | None:
    """Say why a folder that need not exist yet cannot be made; None: nothing is in its place."""
    if len(os.fsencode(folder)) > _LONGEST_PATH or any(len(os.fsencode(part)) > _LONGEST_NAME for part in folder.parts):
        return _NO_PLACE[errno.ENAMETOOLONG]
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    fault = fault_of(there, "folder")
    return None if fault is None else fault if there == folder else f"{there}: {fault}"
