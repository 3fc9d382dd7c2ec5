"""Small files that change, and that every machine must see as they are now: configs, notes, the registry.

On a disk they are files. In a bucket they are objects of the same name, and the file in the mirror is a copy: what is
read is asked for first, what is written goes to the bucket first. Where what is written depends on what was there, the
ETag of what was read decides: whoever was overtaken by another machine does the change again on what that one wrote.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from cdiscount_tasks.artifacts.in_place import put_in_place, write_synced
from cdiscount_tasks.artifacts.mirror import forget_tag, known_tag, note_tag, paired
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.same_root import check_same_root
from cdiscount_tasks.settings.places import BucketPlace, in_bucket


class Overtaken(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """Another machine has changed a document since it was read; nothing was written."""


def _keep(path: Path, place: BucketPlace, data: bytes, e_tag: str) -> None:
    """Make a file the copy of an object; the caller holds the pair."""
    path.parent.mkdir(parents=True, exist_ok=True)
    forget_tag(place)
    put_in_place(path, lambda aside: write_synced(aside, data))
    note_tag(place, e_tag)


def pull(path: Path) -> None:
    """Let a document be as the bucket has it now; one that is on a disk is so already.

    Raises:
        ConfigError: If the bucket cannot be used, or was emptied.
        OSError: If it does not answer for now.
    """
    if (place := in_bucket(path)) is None:
        return
    known = known_tag(place) if path.is_file() else None
    found = open_store(place.url).read(place.name, known)
    if found is not None and found[1] == known:
        return
    if found is None and known is not None:
        check_same_root(path)
    with paired(place):
        if found is not None:
            _keep(path, place, *found)
        elif known is not None and known_tag(place) == known:  # it was removed, by another machine
            forget_tag(place)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def read_known(path: Path) -> tuple[bytes, str | None]:
    """Return a document's bytes as this machine has them, and the ETag of that version; b"" and None: it has none."""
    place = in_bucket(path)
    if place is None:
        raise ValueError(f"{path} is in no mirror")
    with paired(place):
        known = known_tag(place)
        return (path.read_bytes(), known) if known is not None else (b"", None)


def swap(path: Path, data: bytes, known: str | None) -> None:
    """Write a document of a bucket in the place of the version that was read.

    Args:
        path: Its file in the mirror.
        data: All of it.
        known: The ETag of what was read; None: there was none.

    Raises:
        Overtaken: If it is another version by now.
    """
    place = in_bucket(path)
    if place is None:
        raise ValueError(f"{path} is in no mirror")
    e_tag = open_store(place.url).swap(place.name, data, known)
    if e_tag is None:
        raise Overtaken(str(path))
    with paired(place):
        _keep(path, place, data, e_tag)


def change_document(path: Path, change: Callable[[], bytes]) -> None:
    """Write a document anew from what it holds now; the caller holds its lock, for the processes of this machine.

    Args:
        path: The file.
        change: Reads what is there, and returns what will be. Called again where another machine was quicker.
    """
    if in_bucket(path) is None:
        put_in_place(path, lambda aside: write_synced(aside, change()))
        return
    while True:
        pull(path)
        _, known = read_known(path)
        data = change()
        with contextlib.suppress(Overtaken):
            swap(path, data, known)
            return


def replace_document(path: Path, write: Callable[[Path], object]) -> None:
    """Write a document over whatever is there: the last one wins. As `files.replace_file` says."""
    if (place := in_bucket(path)) is None:
        put_in_place(path, write)
        return
    tags: list[str] = []
    with contextlib.ExitStack() as stack:

        def push(aside: Path) -> None:
            tags.append(open_store(place.url).put(place.name, aside))
            stack.enter_context(paired(place))
            forget_tag(place)

        put_in_place(path, write, before=push)
        note_tag(place, tags[0])


def push_document(path: Path) -> None:
    """Write a file that is in place already into the bucket; on a disk there is nothing to do."""
    if (place := in_bucket(path)) is None:
        return
    e_tag = open_store(place.url).put(place.name, path)
    with paired(place):
        note_tag(place, e_tag)


def create_document(path: Path, data: bytes) -> bool:
    """Write a document unless there is one; False: there is one, which then is the file's content.

    On a disk it is written over: whoever calls has looked.
    """
    if in_bucket(path) is None:
        put_in_place(path, lambda aside: write_synced(aside, data))
        return True
    try:
        swap(path, data, None)
    except Overtaken:
        pull(path)
        return False
    return True


def remove_document(path: Path) -> None:
    """Remove a document, in the bucket first; one that is not there is no fault."""
    if (place := in_bucket(path)) is not None:
        open_store(place.url).remove([place.name])
        forget_tag(place)
    path.unlink(missing_ok=True)
