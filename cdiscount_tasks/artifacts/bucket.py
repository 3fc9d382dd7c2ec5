"""Artifacts in a bucket: there whole once their manifest is, and fetched whole into the mirror when they are opened.

A file is an object `<artifact>/<file>.<xxh3_128>`: two builders whose bytes differ never mix, and whose bytes are the
same share. The manifest comes last: that of an artifact named by its key is created, and the first one wins; that of a
page, which is made anew, is swapped by its ETag. A builder that dies leaves objects that no manifest names, and perhaps
an artifact in its mirror that is not in the bucket: whoever opens or makes it there next pushes it.
"""

import contextlib
import hashlib
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.in_place import _sync, put_in_place, swap_folder, write_synced
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, parse_manifest, read_local_manifest
from cdiscount_tasks.artifacts.locks import lock, part_path, remove_dead_parts
from cdiscount_tasks.artifacts.mirror import CACHE_SETTING, forget_tag, known_tag, note_tag, paired, place_in
from cdiscount_tasks.artifacts.object_store import ObjectChanged, ObjectStore, open_store
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import BucketPlace, in_bucket

logger = logging.getLogger(__name__)

_DATA_OBJECT = re.compile(r"\.[0-9a-f]{32}")
_FILES_AT_ONCE = 4
_TRIES = 5


def is_data_object(name: str) -> bool:
    """Tell whether an object is a file of an artifact, by its name."""
    return _DATA_OBJECT.fullmatch(name[-33:]) is not None


def data_objects(folder_name: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the objects that a manifest names, and the file that each is."""
    return {f"{folder_name}/{file}.{facts['xxh3_128']}": file for file, facts in manifest["files"].items()}


def _folder_name(manifest_place: BucketPlace) -> str:
    return manifest_place.name.removesuffix(f"/{MANIFEST}")


def _distrusted(manifest_place: BucketPlace) -> BucketPlace:
    """Return where this machine notes the ETag of a manifest whose objects are missing or damaged."""
    return manifest_place._replace(name=f"{manifest_place.name}.damaged")


def _is_keyed(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether an artifact is named by its key; what is not is a page, which is made anew in its place."""
    return folder.name.endswith(f"-{manifest['key']}")


@contextmanager
def _moving(place: BucketPlace) -> Iterator[None]:
    """Hold an artifact while it moves between bucket and mirror: processes of this machine wait for each other."""
    digest = hashlib.sha256(place.name.encode()).hexdigest()[:32]
    with lock(place.state_dir / "moving" / f"{digest}.lock", place.name, CACHE_SETTING):
        yield


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
            return parse_manifest(_bytes_of(folder), folder / MANIFEST)
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
    found = open_store(place.url).read(place.name)
    if found is None:
        return path
    manifest = parse_manifest(found[0], folder / MANIFEST)
    if file not in manifest["files"]:
        return path
    if known_tag(place) != found[1] or not (folder / MANIFEST).is_file():
        with _moving(place):
            _place_stub(folder, place, *found)
    name = next(name for name, its in data_objects(_folder_name(place), manifest).items() if its == file)
    path.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(path, lambda aside: _fetch_file(open_store(place.url), name, aside, manifest, file))
    return path


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
    with _moving(place):
        known = known_tag(place)
        found = open_store(place.url).read(place.name, known)
        if found is None:
            forget_tag(place)
            if (folder / MANIFEST).is_file() and known is not None and not _is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)  # the stub of an artifact that was removed
        elif found[1] != known or not (folder / MANIFEST).is_file():
            data = found[0] if found[1] != known else None
            _place_stub(folder, place, data, found[1])


def _is_whole(folder: Path) -> bool:
    try:
        read_local_manifest(folder)
    except DataError:
        return False
    return True


def place_stub(folder: Path, e_tag: str) -> None:
    """Let a folder of the mirror have the manifest that the bucket has: what is listed by it is listed here too."""
    place = place_in(folder, MANIFEST)
    if known_tag(place) == e_tag and (folder / MANIFEST).is_file():
        return
    with _moving(place):
        _place_stub(folder, place, None, e_tag)


def _place_stub(folder: Path, place: BucketPlace, data: bytes | None, e_tag: str) -> None:
    if data is None:
        found = open_store(place.url).read(place.name)
        if found is None:
            return
        data, e_tag = found
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if (folder / MANIFEST).read_bytes() == data:  # pushed by a process that died before it noted so
            note_tag(place, e_tag)
            return
    part = part_path(folder)
    part.mkdir(parents=True)
    try:
        write_synced(part / MANIFEST, data)
        _put(part, folder, place, e_tag)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _carry_notes(folder: Path, part: Path) -> None:
    """Keep what was noted beside an artifact where its files come to the same manifest."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if (folder / MANIFEST).read_bytes() != (part / MANIFEST).read_bytes():
            return
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith(".") and not (part / path.name).exists():
                shutil.copy2(path, part / path.name)


def _put(part: Path, folder: Path, place: BucketPlace, e_tag: str) -> None:
    """Give a part its name, in the place of what has it, and note which version it is."""
    with paired(place):
        _carry_notes(folder, part)
        forget_tag(place)
        swap_folder(part, folder)
        _sync(folder.parent)
        note_tag(place, e_tag)


def fetch(folder: Path) -> bool:
    """Fetch an artifact whole into its mirror, every byte compared; False: the bucket has none.

    Raises:
        DataError: If an object that the manifest names is missing or damaged.
        ConfigError: If the disk of the cache is full.
        OSError: If the bucket does not answer for now.
    """
    place = place_in(folder, MANIFEST)
    store = open_store(place.url)
    with disk_faults_told(folder, CACHE_SETTING), _moving(place):
        for _ in range(_TRIES):
            found = store.read(place.name)
            if found is None:
                return False
            data, e_tag = found
            if known_tag(place) == e_tag and _is_whole(folder):
                return True  # another process was quicker
            manifest = parse_manifest(data, folder / MANIFEST)
            try:
                _fetch(store, folder, place, manifest, data, e_tag)
            except DataError:
                again = store.read(place.name, e_tag)
                if again is not None and again[1] != e_tag:
                    continue  # a page that was made anew meanwhile
                note_tag(_distrusted(place), e_tag)
                raise
            logger.info("%s: fetched from %s", folder.name, store.url)
            cache.make_room(folder)
            return True
    raise DataError(f"{store.address(place.name)}: is made anew all the time; clear this task later")


def _fetch(
    store: ObjectStore, folder: Path, place: BucketPlace, manifest: Mapping[str, Any], data: bytes, e_tag: str
) -> None:
    part = part_path(folder)
    part.mkdir(parents=True)
    remove_dead_parts(part, folder)
    try:
        wanted = data_objects(_folder_name(place), manifest)
        for parent in {(part / file).parent for file in wanted.values()}:
            parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_FILES_AT_ONCE, "fetch") as pool:
            list(pool.map(lambda name: _fetch_file(store, name, part / wanted[name], manifest, wanted[name]), wanted))
        write_synced(part / MANIFEST, data)
        _put(part, folder, place, e_tag)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fetch_file(store: ObjectStore, name: str, path: Path, manifest: Mapping[str, Any], file: str) -> None:
    expected = manifest["files"][file]
    advice = f"remove {store.address(name.removesuffix(f'/{file}.' + expected['xxh3_128']))} and run again"
    try:
        store.fetch(name, path, expected["size"])
    except ObjectChanged as error:
        raise DataError(f"{store.address(name)}: is missing or cut, and the manifest names it; {advice}") from error
    if (found := hash_file(path)) != expected["xxh3_128"]:
        raise DataError(
            f"{store.address(name)}: its hash is {found}, expected {expected['xxh3_128']}; the object is damaged: "
            f"{advice}"
        )
    _sync(path)


def _push_objects(store: ObjectStore, folder: Path, names: Mapping[str, str], present: Mapping[str, int]) -> None:
    """Write the files of an artifact as objects; those that are present in their size are left out."""
    sizes = {name: (folder / file).stat().st_size for name, file in names.items()}
    missing = [name for name, size in sizes.items() if present.get(name) != size]
    with ThreadPoolExecutor(_FILES_AT_ONCE, "push") as pool:
        list(pool.map(lambda name: store.put(name, folder / names[name]), missing))


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
    with _moving(place):
        if is_late and not _is_keyed(folder, manifest):
            won = _push_late(folder, place, manifest)
        else:
            won = _push_keyed(folder, place, manifest)
    if not won:
        fetch(folder)
    cache.make_room(folder)
    return won


def _push_keyed(folder: Path, place: BucketPlace, manifest: Mapping[str, Any]) -> bool:
    store, own, data = open_store(place.url), data_objects(_folder_name(place), manifest), _bytes_of(folder)
    for _ in range(_TRIES):
        found = store.read(place.name)
        if found is not None and found[0] == data:
            note_tag(place, found[1])
            return True
        distrusted = found is not None and known_tag(_distrusted(place)) == found[1]
        if found is not None and not distrusted:
            _lose(store, folder, place, own, found[0])
            return False
        _push_objects(store, folder, own, {} if distrusted else _present(store, _folder_name(place)))
        e_tag = store.swap(place.name, data, found[1] if found else None)
        if e_tag is not None:
            note_tag(place, e_tag)
            logger.info("%s: pushed to %s", folder.name, store.url)
            return True
    raise DataError(f"{store.address(place.name)}: is made anew all the time; clear this task later")


def _bytes_of(folder: Path) -> bytes:
    return (folder / MANIFEST).read_bytes()


def _lose(store: ObjectStore, folder: Path, place: BucketPlace, own: Mapping[str, str], theirs: bytes) -> None:
    """Drop what was made here, since another machine's was first: the objects that are of no use, and the folder."""
    named = data_objects(_folder_name(place), parse_manifest(theirs, folder / MANIFEST))
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
    with _moving(place):
        _push_page(folder, place, read_local_manifest(folder))
    cache.make_room(folder)


def _push_late(folder: Path, place: BucketPlace, manifest: Mapping[str, Any]) -> bool:
    """Push a page whose maker died before, unless the bucket has a newer one."""
    found = open_store(place.url).read(place.name)
    if found and str(parse_manifest(found[0], folder / MANIFEST).get("finished_at")) > str(manifest["finished_at"]):
        _place_stub(folder, place, found[0], found[1])
        return False
    _push_page(folder, place, manifest)
    return True


def _push_page(folder: Path, place: BucketPlace, manifest: Mapping[str, Any]) -> None:
    store, folder_name, data = open_store(place.url), _folder_name(place), _bytes_of(folder)
    own, e_tag = data_objects(folder_name, manifest), None
    while e_tag is None:
        found = store.read(place.name)
        old = data_objects(folder_name, parse_manifest(found[0], folder / MANIFEST)) if found else {}
        present = _present(store, folder_name)
        # What only an older page names may be removed at this moment by who replaced it: it is written anew.
        _push_objects(store, folder, own, {name: size for name, size in present.items() if name in old})
        e_tag = store.swap(place.name, data, found[1] if found else None)
    note_tag(place, e_tag)
    if (now := store.read(place.name, e_tag)) is None or now[1] != e_tag:
        return  # somebody has replaced it already, and removes what is left
    # The notes beside the old page go as well, as they do on a disk.
    notes = {name for name in present if not is_data_object(name) and name != place.name}
    store.remove(sorted((old.keys() | notes) - own.keys()))
    for name in notes:
        forget_tag(place._replace(name=name))
    _push_objects(store, folder, own, _present(store, folder_name))


def forget_pushed(folder: Path) -> None:
    """Note that an artifact is about to be made, so that it is not taken for the one in the bucket."""
    forget_tag(place_in(folder, MANIFEST))


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
