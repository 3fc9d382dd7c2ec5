"""Artifacts of a mirror that go into the bucket: their files first, their manifest last, on a condition."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.fetching import (
    FILES_AT_ONCE,
    TRIES,
    bytes_of,
    data_objects,
    distrusted,
    fetch,
    folder_name_of,
    is_damaged,
    is_data_object,
    moving,
    note_same,
    put_stub,
)
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, parse_manifest, read_local_manifest
from cdiscount_tasks.artifacts.locks import part_path
from cdiscount_tasks.artifacts.mirror import forget_tag, known_tag, paired, place_in
from cdiscount_tasks.artifacts.object_store import ObjectStore, in_threads, open_store
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import BucketPlace

logger = logging.getLogger(__name__)


def _is_keyed(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether an artifact is named by its key; what is not is a page, which is made anew in its place."""
    return folder.name.endswith(f"-{manifest['key']}")


def _push_objects(store: ObjectStore, folder: Path, names: Mapping[str, str], present: Mapping[str, int]) -> None:
    """Write the files of an artifact as objects; those that are present in their size are left out."""
    sizes = {name: (folder / file).stat().st_size for name, file in names.items()}
    missing = [name for name, size in sizes.items() if present.get(name) != size]
    in_threads(FILES_AT_ONCE, "push", lambda name: store.put(name, folder / names[name]), missing)


def _present(store: ObjectStore, folder_name: str) -> dict[str, int]:
    """Return the objects of an artifact that are in the bucket, and their sizes."""
    return {found.name: found.state.size for found in store.list(folder_name)}


def push(folder: Path, *, is_late: bool = False) -> bool:
    """Push an artifact that is whole in the mirror into the bucket.

    Args:
        folder: The artifact.
        is_late: Its maker died before: it may be a page.

    Returns:
        Whether it is in the bucket now as it is here; False: another machine's was there first, and is here now too.

    Raises:
        DataError: If it is not whole here.
        OSError: If the bucket does not answer for now; it is pushed by whoever opens it next.
    """
    place = place_in(folder, MANIFEST)
    manifest = read_local_manifest(folder)
    cache.note_opened(folder)
    with moving(place):
        if is_late and not _is_keyed(folder, manifest):
            won = _push_late(folder, place, manifest)
        else:
            won = _push_keyed(folder, place, manifest)
    if not won:
        fetch(folder)
    cache.make_room(folder)
    return won


def _push_keyed(folder: Path, place: BucketPlace, manifest: Mapping[str, Any]) -> bool:
    store, own, data = open_store(place.url), data_objects(folder_name_of(place), manifest), bytes_of(folder)
    for _ in range(TRIES):
        found = store.read(place.name)
        if found is not None and found[0] == data:
            note_same(folder, place, data, found[1])
            return True
        to_replace = found is not None and (known_tag(distrusted(place)) == found[1] or is_damaged(found[0], folder))
        if found is not None and not to_replace:
            _lose(store, folder, place, own, found[0])
            return False
        present = {} if to_replace else _present(store, folder_name_of(place))
        _push_objects(store, folder, own, present)
        e_tag = store.swap(place.name, data, found[1] if found else None)
        if e_tag is not None:
            if present.keys() & own.keys():  # of a builder that died: the clean-up may just have removed them
                _push_objects(store, folder, own, _present(store, folder_name_of(place)))
            note_same(folder, place, data, e_tag)
            logger.info("%s: pushed to %s", folder.name, store.url)
            return True
    raise DataError(f"{store.address(place.name)}: is made anew all the time; clear this task later")


def _lose(store: ObjectStore, folder: Path, place: BucketPlace, own: Mapping[str, str], theirs: bytes) -> None:
    """Drop what was made here, since another machine's was first: the objects that are of no use, and the folder."""
    named = data_objects(folder_name_of(place), parse_manifest(theirs, folder / MANIFEST))
    store.remove(sorted(own.keys() - named.keys()))
    logger.info("%s: another machine was quicker, its artifact is used", folder.name)
    aside = part_path(folder)
    with paired(place):
        forget_tag(place)
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def push_page(folder: Path) -> None:
    """Put a page that was just made in the place of the one that the bucket has; the caller holds its lock."""
    place = place_in(folder, MANIFEST)
    cache.note_opened(folder)
    with moving(place):
        _push_page(folder, place, read_local_manifest(folder))
    cache.make_room(folder)


def _push_late(folder: Path, place: BucketPlace, manifest: Mapping[str, Any]) -> bool:
    """Push a page whose maker died before, unless the bucket has a newer one."""
    found = open_store(place.url).read(place.name)
    theirs = {} if found is None or is_damaged(found[0], folder) else parse_manifest(found[0], folder / MANIFEST)
    if found and theirs and str(theirs.get("finished_at")) > str(manifest["finished_at"]):
        put_stub(folder, place, found[0], found[1], over_unpushed=True)
        return False
    _push_page(folder, place, manifest)
    return True


def _push_page(folder: Path, place: BucketPlace, manifest: Mapping[str, Any]) -> None:
    store, folder_name, data = open_store(place.url), folder_name_of(place), bytes_of(folder)
    own, e_tag = data_objects(folder_name, manifest), None
    while e_tag is None:
        found = store.read(place.name)
        is_readable = found is not None and not is_damaged(found[0], folder)
        old = data_objects(folder_name, parse_manifest(found[0], folder / MANIFEST)) if found and is_readable else {}
        present = _present(store, folder_name)
        # What only an older page names may be removed at this moment by who replaced it: it is written anew.
        _push_objects(store, folder, own, {name: size for name, size in present.items() if name in old})
        e_tag = store.swap(place.name, data, found[1] if found else None)
    note_same(folder, place, data, e_tag)
    if (now := store.read(place.name, e_tag)) is None or now[1] != e_tag:
        return  # somebody has replaced it already, and removes what is left
    # The notes beside the old page go as well, as they do on a disk.
    notes = {name for name in present if not is_data_object(name) and name != place.name}
    store.remove(sorted((old.keys() | notes) - own.keys()))
    for name in notes:
        forget_tag(place._replace(name=name))
    _push_objects(store, folder, own, _present(store, folder_name))
