"""A sample's fixes file, read and changed while others may change it too."""

from collections.abc import Callable
from pathlib import Path

from cdiscount_tasks.artifacts.files import read_input, replace_file
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.errors import DataError

_MOST_TRIES = 5


def read_bytes(path: Path) -> bytes | None:
    """Return what a file holds; None: it is missing.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        return read_input(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _write(path: Path, data: bytes) -> None:
    def write(aside: Path) -> None:
        aside.write_bytes(data)
        if path.exists():
            aside.chmod(path.stat().st_mode & 0o777)

    replace_file(path, write)


def change_file(path: Path, change: Callable[[bytes | None], bytes | None]) -> None:
    """Change a file in one step, from what it holds at that moment.

    Processes that change it this way wait for each other. Another program's change in between is noticed, and the
    change is made anew from that.

    Args:
        path: The file; a link to one is followed.
        change: Makes the new content of the old; None: nothing is to be written.

    Raises:
        DataError: If the file cannot be read or written, or another program goes on writing it.
    """
    path = path.resolve()
    try:
        with lock(path.with_name(f".{path.name}.lock"), path.name):
            for _ in range(_MOST_TRIES):
                before = read_bytes(path)
                data = change(before)
                if data is None or data == before:
                    return
                if read_bytes(path) == before:
                    _write(path, data)
                    return
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; nothing was saved") from error
    raise DataError(f"{path}: another program keeps writing it; nothing was saved, try again")
