"""What this machine knows of a bucket that it mirrors: which objects it has, by their ETags.

An ETag is noted in `state@/known/`, after the file is whole on the disk: a file without a note is asked for again. The
pair of the two changes under one lock, so that no process sees the one without the other.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdiscount_tasks.artifacts.in_place import put_in_place, write_synced
from cdiscount_tasks.artifacts.object_store import ObjectStore, open_store
from cdiscount_tasks.settings.places import BucketPlace, in_bucket

CACHE_SETTING = "CDISCOUNT_CACHE"


def bucket_of(path: Path) -> tuple[ObjectStore, str] | None:
    """Return the bucket that a file or folder of a mirror belongs to, and its name there; None: it is on a disk."""
    place = in_bucket(path)
    return None if place is None else (open_store(place.url), place.name)


def _note(place: BucketPlace) -> Path:
    return place.state_dir / "known" / f"{place.name}.etag"


def known_tag(place: BucketPlace) -> str | None:
    """Return the ETag of the object that the file of a place is, as far as this machine knows; None: it does not."""
    try:
        return _note(place).read_text(encoding="utf-8") or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def note_tag(place: BucketPlace, e_tag: str) -> None:
    """Note that the file of a place, which is whole on the disk, is the object with this ETag."""
    note = _note(place)
    note.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(note, lambda aside: write_synced(aside, e_tag.encode()))


def forget_tag(place: BucketPlace) -> None:
    """Note that the file of a place may be any: it is about to change."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        _note(place).unlink()


@contextmanager
def paired(place: BucketPlace) -> Iterator[None]:
    """Hold a mirror while a file and the note of its ETag change together; only for a moment."""
    place.state_dir.mkdir(parents=True, exist_ok=True)
    with (place.state_dir / "pairs.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits in the kernel, not in steps: nobody holds it for long
        yield


def note_time(place: BucketPlace) -> float:
    """Return when the ETag of a place was noted, in seconds since 1970 by this machine's clock; 0: it is not."""
    try:
        return _note(place).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


def place_in(folder: Path, name: str) -> BucketPlace:
    """Return the place of a file in a folder of a mirror."""
    place = in_bucket(folder / name)
    if place is None:
        raise ValueError(f"{folder} is in no mirror")
    return place
