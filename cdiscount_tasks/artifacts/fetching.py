"""Artifacts of a bucket that come into the mirror: whole, every byte compared, or their manifest alone."""

import contextlib
import hashlib
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.in_place import _sync, swap_folder, write_synced
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, check_hash, parse_manifest, read_local_manifest
from cdiscount_tasks.artifacts.locks import lock, part_path, remove_dead_parts
from cdiscount_tasks.artifacts.mirror import CACHE_SETTING, forget_tag, known_tag, note_tag, paired, place_in
from cdiscount_tasks.artifacts.object_store import ObjectChanged, ObjectStore, in_threads, open_store
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import BucketPlace

logger = logging.getLogger(__name__)

_DATA_OBJECT = re.compile(r"\.[0-9a-f]{32}")
FILES_AT_ONCE = 4
TRIES = 5


def is_data_object(name: str) -> bool:
    """Tell whether an object is a file of an artifact, by its name."""
    return _DATA_OBJECT.fullmatch(name[-33:]) is not None


def data_objects(folder_name: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the objects that a manifest names, and the file that each is."""
    return {f"{folder_name}/{file}.{facts['xxh3_128']}": file for file, facts in manifest["files"].items()}


def folder_name_of(manifest_place: BucketPlace) -> str:
    """Return the name of the folder that a manifest is in."""
    return manifest_place.name.removesuffix(f"/{MANIFEST}")


def distrusted(manifest_place: BucketPlace) -> BucketPlace:
    """Return where this machine notes the ETag of a manifest that is damaged, or whose objects are."""
    return manifest_place._replace(name=f"{manifest_place.name}.damaged")


def is_damaged(data: bytes, folder: Path) -> bool:
    """Tell whether the bytes of an artifact's manifest are damaged, so that it is as good as none."""
    try:
        parse_manifest(data, folder / MANIFEST)
    except DataError:
        return True
    return False


@contextmanager
def moving(place: BucketPlace) -> Iterator[None]:
    """Hold an artifact while it moves between bucket and mirror: processes of this machine wait for each other."""
    digest = hashlib.sha256(place.name.encode()).hexdigest()[:32]
    with lock(place.state_dir / "moving" / f"{digest}.lock", place.name, CACHE_SETTING):
        yield


def bytes_of(folder: Path) -> bytes:
    """Return the bytes of the manifest that an artifact has on this machine."""
    return (folder / MANIFEST).read_bytes()


def is_whole(folder: Path) -> bool:
    """Tell whether this machine has an artifact whole, by the sizes of its files."""
    try:
        read_local_manifest(folder)
    except DataError:
        return False
    return True


def note_same(folder: Path, place: BucketPlace, data: bytes, e_tag: str) -> bool:
    """Note the ETag of a manifest's bytes where the folder has the same ones; tells whether it has."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), paired(place):
        if bytes_of(folder) == data:  # else a page that was made anew by another process of this machine
            note_tag(place, e_tag)
            return True
    return False


def put_stub(folder: Path, place: BucketPlace, data: bytes | None, e_tag: str, *, over_unpushed: bool = False) -> None:
    """Let a folder have the manifest that the bucket has, and nothing else; the caller holds it by `moving`.

    Args:
        folder: The artifact.
        place: Of its manifest.
        data: The manifest; None: it is read, if it is still there.
        e_tag: Of `data`.
        over_unpushed: Whether it takes the place of what was made here and is not in the bucket yet, too; else whoever
            made it or opens it next pushes it.
    """
    if data is None:
        found = open_store(place.url).read(place.name)
        if found is None:
            return
        data, e_tag = found
    if note_same(folder, place, data, e_tag):  # pushed by a process that died before it noted so
        return
    if is_damaged(data, folder) and is_whole(folder):
        forget_tag(place)  # whoever opens it next pushes what is whole here
        return
    part = part_path(folder)
    part.mkdir(parents=True)
    try:
        write_synced(part / MANIFEST, data)
        _put(part, folder, place, e_tag, over_unpushed=over_unpushed)
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


def _put(part: Path, folder: Path, place: BucketPlace, e_tag: str, *, over_unpushed: bool = False) -> None:
    """Give a part its name, in the place of what has it, and note which version it is."""
    with paired(place):
        if not over_unpushed and known_tag(place) is None and is_whole(folder):
            return
        _carry_notes(folder, part)
        forget_tag(place)
        swap_folder(part, folder)
        _sync(folder.parent)
        note_tag(place, e_tag)


def fetch(folder: Path) -> bool:
    """Fetch an artifact whole into its mirror, every byte compared; False: the bucket has none.

    Raises:
        DataError: If the manifest is damaged, or an object that it names is missing or damaged.
        ConfigError: If the disk of the cache is full.
        OSError: If the bucket does not answer for now.
    """
    place = place_in(folder, MANIFEST)
    store = open_store(place.url)
    with disk_faults_told(folder, CACHE_SETTING), moving(place):
        for _ in range(TRIES):
            found = store.read(place.name)
            if found is None:
                return False
            data, e_tag = found
            if known_tag(place) == e_tag and is_whole(folder):
                return True  # another process was quicker
            try:
                manifest = parse_manifest(data, folder / MANIFEST)
                _fetch(store, folder, place, manifest, data, e_tag)
            except DataError:
                again = store.read(place.name, e_tag)
                if again is not None and again[1] != e_tag:
                    continue  # a page that was made anew meanwhile
                note_tag(distrusted(place), e_tag)
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
        wanted = data_objects(folder_name_of(place), manifest)
        for parent in {(part / file).parent for file in wanted.values()}:
            parent.mkdir(parents=True, exist_ok=True)
        in_threads(
            FILES_AT_ONCE, "fetch",
            lambda name: fetch_file(store, name, part / wanted[name], manifest, wanted[name]), wanted,
        )  # fmt: skip
        write_synced(part / MANIFEST, data)
        _put(part, folder, place, e_tag)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def fetch_file(store: ObjectStore, name: str, path: Path, manifest: Mapping[str, Any], file: str) -> None:
    """Fetch one file of an artifact, and compare its hash.

    Raises:
        DataError: If the object is missing or damaged.
    """
    expected = manifest["files"][file]
    advice = f"remove {store.address(name.removesuffix(f'/{file}.' + expected['xxh3_128']))} and run again"
    try:
        store.fetch(name, path, expected["size"])
    except ObjectChanged as error:
        raise DataError(f"{store.address(name)}: is missing or cut, and the manifest names it; {advice}") from error
    check_hash(store.address(name), hash_file(path), expected, "the object", advice)
    _sync(path)
