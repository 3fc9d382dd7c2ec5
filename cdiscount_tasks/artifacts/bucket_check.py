"""Every object of a bucket's artifacts compared with the hash that its manifest holds, streamed: the mirror stays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xxhash

from cdiscount_tasks.artifacts.bucket_listing import listing_of
from cdiscount_tasks.artifacts.fetching import data_objects
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, check_hash, parse_manifest
from cdiscount_tasks.artifacts.mirror import place_in
from cdiscount_tasks.artifacts.object_store import PIECE_BYTES, PIECES_AT_ONCE, ObjectChanged, ObjectStore, open_store
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import in_bucket

_TRIES = 5


def artifacts_in(mirror: Path) -> list[Path]:
    """Return where the artifacts that a bucket has are in its mirror, or would be; by name.

    Raises:
        OSError: If the bucket does not answer for now.
    """
    place = in_bucket(mirror)
    return [] if place is None else [mirror / name for name in sorted(listing_of(place.url, 0).artifacts)]


def _hash_object(store: ObjectStore, name: str, size: int) -> str:
    """Return an object's hash; PIECES_AT_ONCE of its pieces are in memory at a time."""
    hashed, starts = xxhash.xxh3_128(), range(0, size, PIECE_BYTES)
    for first in range(0, len(starts), PIECES_AT_ONCE):
        some = starts[first : first + PIECES_AT_ONCE]
        for piece in store.read_ranges(name, some, [min(start + PIECE_BYTES, size) for start in some], None):
            hashed.update(piece)
    return hashed.hexdigest()


def _compare(store: ObjectStore, folder_name: str, manifest: Mapping[str, Any]) -> int:
    advice = f"remove {store.address(folder_name)} and run again"
    for name, file in data_objects(folder_name, manifest).items():
        expected = manifest["files"][file]
        state = listing_of(store.url, float("inf")).states.get(name) or store.head(name)
        if state is None or state.size != expected["size"]:
            was = "is missing" if state is None else f"has {state.size:,} bytes"
            raise DataError(f"{store.address(name)}: {was}, expected {expected['size']:,} bytes; {advice}")
        try:
            found = _hash_object(store, name, expected["size"])
        except ObjectChanged as error:
            raise DataError(f"{store.address(name)}: changed while it was read; {advice}") from error
        check_hash(store.address(name), found, expected, "the object", advice)
    return len(manifest["files"])


def verify_in_bucket(folder: Path) -> int:
    """Compare every object of an artifact with the hash in its manifest; fetches nothing into the mirror.

    Args:
        folder: Where the artifact is, or would be, in the mirror.

    Returns:
        The number of files checked; 0: the artifact was removed since it was listed.

    Raises:
        DataError: If the manifest is damaged, or an object is missing or damaged; names it.
        OSError: If the bucket does not answer for now.
    """
    place = place_in(folder, MANIFEST)
    store, folder_name = open_store(place.url), place.name.removesuffix(f"/{MANIFEST}")
    for _ in range(_TRIES):
        found = store.read(place.name)
        if found is None:
            return 0
        try:
            return _compare(store, folder_name, _manifest(store, place.name, found[0]))
        except DataError:
            again = store.read(place.name, found[1])
            if again is not None and again[1] == found[1]:
                raise
    raise DataError(f"{store.address(place.name)}: is made anew all the time; verify again later")


def _manifest(store: ObjectStore, name: str, data: bytes) -> dict[str, Any]:
    try:
        return parse_manifest(data, Path(name))
    except DataError as error:
        folder = store.address(name.removesuffix(f"/{MANIFEST}"))
        raise DataError(f"{store.address(name)}: is damaged, or was changed; remove {folder} and run again") from error


def verify_copies(folder: Path) -> int:
    """Compare the files of an artifact that the mirror has with their hashes; returns how many it has.

    Raises:
        DataError: If one is damaged: the bucket's may be whole.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return 0
    files, num_whole = parse_manifest(path.read_bytes(), path)["files"], 0
    for name, expected in files.items():
        copy = folder / name
        if not copy.is_file():
            continue
        to_do = f"remove {folder}, it is fetched again when it is needed"
        check_hash(copy, hash_file(copy), expected, "this copy", to_do)
        num_whole += 1
    return num_whole
