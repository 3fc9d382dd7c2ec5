"""Artifacts in a bucket: there whole once their manifest is, and fetched whole into the mirror when they are opened.

A file is an object `<artifact>/<file>.<xxh3_128>`: two builders whose bytes differ never mix, and whose bytes are the
same share. The manifest comes last: that of an artifact named by its key is created, and the first one wins; that of a
page, which is made anew, is swapped by its ETag. A builder that dies leaves objects that no manifest names, and perhaps
an artifact in its mirror that is not in the bucket: whoever opens or makes it there next pushes it.
"""

import contextlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.fetching import (
    TRIES,
    bytes_of,
    data_objects,
    fetch,
    fetch_file,
    folder_name_of,
    is_whole,
    moving,
    put_stub,
)
from cdiscount_tasks.artifacts.in_place import put_in_place
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, parse_manifest, read_local_manifest
from cdiscount_tasks.artifacts.mirror import forget_tag, known_tag, paired, place_in
from cdiscount_tasks.artifacts.object_store import ObjectChanged, open_store
from cdiscount_tasks.artifacts.pushing import push
from cdiscount_tasks.artifacts.store_client import e_tag_in
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import BucketPlace, in_bucket

logger = logging.getLogger(__name__)


def open_artifact(folder: Path) -> dict[str, Any]:
    """Return the manifest of an artifact of a mirror, which is whole on this machine then.

    Raises:
        DataError: If neither this machine nor the bucket has it whole.
        OSError: If it cannot be read for now, or the bucket does not answer.
    """
    place = place_in(folder, MANIFEST)
    cache.note_opened(folder)
    try:
        manifest = read_local_manifest(folder)
    except DataError:
        if not fetch(folder):
            raise
        return read_local_manifest(folder)
    if known_tag(place) is None:  # whoever made it died before it was pushed
        push(folder, is_late=True)
    return read_local_manifest(folder) if known_tag(place) is not None else manifest


def find_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of an artifact that this machine or the bucket has, without fetching it; None: neither."""
    place = place_in(folder, MANIFEST)
    with contextlib.suppress(DataError, FileNotFoundError, NotADirectoryError):
        if known_tag(place) is not None:
            return parse_manifest(bytes_of(folder), folder / MANIFEST)
        return read_local_manifest(folder)
    found = open_store(place.url).read(place.name)
    return None if found is None else parse_manifest(found[0], folder / MANIFEST)


def open_file(folder: Path, file: str) -> Path:
    """Return where one file of an artifact is, fetched alone if need be: lists read one file of each of many.

    On a disk, and of a folder without a manifest, it is simply the path.

    Raises:
        DataError: If the bucket's object is missing or damaged.
        OSError: If the bucket does not answer for now.
    """
    path = folder / file
    if in_bucket(folder) is None or path.is_file():
        return path
    place = place_in(folder, MANIFEST)
    for tries_left in reversed(range(TRIES)):
        found = open_store(place.url).read(place.name)
        if found is not None and (known_tag(place) != found[1] or not (folder / MANIFEST).is_file()):
            with moving(place):
                found = open_store(place.url).read(place.name)  # as nobody of this machine moves it meanwhile
                if found is not None:
                    put_stub(folder, place, *found)
        if found is None or path.is_file() or known_tag(place) is None:  # None: made here, and about to be pushed
            return path
        manifest = parse_manifest(found[0], folder / MANIFEST)
        if file not in manifest["files"]:
            return path
        try:
            _fetch_alone(path, place, manifest, file, found[1])
        except (DataError, FileNotFoundError):  # of a page that was made anew meanwhile, or damaged
            again = open_store(place.url).read(place.name, found[1])
            if not tries_left or (again is not None and again[1] == found[1] == known_tag(place)):
                raise
    return path


def _fetch_alone(path: Path, place: BucketPlace, manifest: dict[str, Any], file: str, e_tag: str) -> None:
    """Fetch one file of an artifact into its folder.

    Raises:
        DataError: If the object is missing or damaged, or the folder has another version by now.
    """
    name = next(name for name, its in data_objects(folder_name_of(place), manifest).items() if its == file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:

        def check(_: Path) -> None:
            stack.enter_context(paired(place))
            if known_tag(place) != e_tag:
                raise ObjectChanged(f"{path}: was made anew while it was fetched; clear this task later")

        put_in_place(path, lambda aside: fetch_file(open_store(place.url), name, aside, manifest, file), before=check)


def paths_of_artifacts(parent: Path, pattern: str) -> list[Path]:
    """Return the files of artifacts that a pattern such as `index-*/profile.json` means, sorted.

    In a mirror some of them are in the bucket alone: `open_file` has them.
    """
    found = set(parent.glob(pattern))
    if in_bucket(parent) is not None:
        folders, _, file = pattern.rpartition("/")
        found |= {path.with_name(file) for path in parent.glob(f"{folders}/{MANIFEST}")}
    return sorted(found)


def settle(folder: Path) -> None:
    """Let the mirror have what the bucket has of an artifact, before somebody makes it; the caller holds its lock.

    What the bucket has not is forgotten to be there, so that it is pushed. Of what it has otherwise only the manifest
    comes here: who reads it has the rest fetched.
    """
    place = place_in(folder, MANIFEST)
    with moving(place):
        known = known_tag(place)
        found = open_store(place.url).read(place.name, known)
        if found is None:
            forget_tag(place)
            if (folder / MANIFEST).is_file() and known is not None and not is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)  # the stub of an artifact that was removed
        elif found[1] != known or not (folder / MANIFEST).is_file():
            data = found[0] if found[1] != known else None
            put_stub(folder, place, data, found[1], over_unpushed=True)


def place_stub(folder: Path, e_tag: str) -> None:
    """Let a folder of the mirror have the manifest that the bucket has: what is listed by it is listed here too."""
    place = place_in(folder, MANIFEST)
    if e_tag_in(known_tag(place) or "") == e_tag and (folder / MANIFEST).is_file():
        return
    with moving(place):
        put_stub(folder, place, None, e_tag)


@contextmanager
def placing(folder: Path) -> Iterator[None]:
    """Hold an artifact of a mirror while what was just made gets its name; until it is pushed the bucket's is another.

    On a disk there is nothing to hold.
    """
    if in_bucket(folder) is None:
        yield
        return
    place = place_in(folder, MANIFEST)
    with paired(place):
        forget_tag(place)
        yield


def remove_from_bucket(folder: Path) -> None:
    """Remove a folder of a mirror from the bucket: manifests first, so that nobody opens what is half there.

    On a disk there is nothing to do.
    """
    if (place := in_bucket(folder)) is None:
        return
    store = open_store(place.url)
    names = [found.name for found in store.list(place.name)]
    manifests = [name for name in names if name.endswith(f"/{MANIFEST}")]
    store.remove(manifests)
    store.remove(name for name in names if not name.endswith(f"/{MANIFEST}"))
    for name in names:
        forget_tag(place._replace(name=name))
