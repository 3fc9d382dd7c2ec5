"""A mirror brought up to date: what lists folders sees what every machine made, and no more what one has removed."""

import contextlib
import logging
import shutil
import time
from pathlib import Path

from cdiscount_tasks.artifacts.bucket import place_stub
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.artifacts.fetching import is_data_object
from cdiscount_tasks.artifacts.files import MOST_INPUT_BYTES
from cdiscount_tasks.artifacts.healing import lacks_objects, push_lost
from cdiscount_tasks.artifacts.local_manifest import MANIFEST
from cdiscount_tasks.artifacts.locks import lock_if_free, part_path
from cdiscount_tasks.artifacts.mirror import CACHE_SETTING, forget_tag, known_tag, note_time, paired
from cdiscount_tasks.artifacts.object_store import Listed, ObjectStore, in_threads, open_store
from cdiscount_tasks.artifacts.same_root import MARKER, check_same_root
from cdiscount_tasks.artifacts.store_client import e_tag_in
from cdiscount_tasks.artifacts.store_conditions import MOST_CREATED_BYTES
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import FILES, BucketPlace, in_bucket

logger = logging.getLogger(__name__)

_AT_ONCE = 8
_COPIES = (".csv", ".parquet")
"""Of a run's inputs, and of the lists that people looked at: as large as a person's file may be."""
TRAINING = ".training/"
"""In the name of a training's states: only the machine that continues it needs them."""


def make_mirror(folder: Path) -> None:
    """Make the folder that mirrors a place in a bucket, if it is missing.

    Raises:
        ConfigError: If the cache's disk is full or cannot be written, or what CDISCOUNT_CACHE names can be no folder.
    """
    try:
        with disk_faults_told(folder, CACHE_SETTING):
            folder.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, FileExistsError) as error:  # as in /proc
        raise ConfigError(
            f"{folder}: cannot be made ({error.strerror}); set {CACHE_SETTING} to a folder of this machine, or unset it"
        ) from error


def _may_be_ours(found: Listed, store: ObjectStore) -> bool:
    """Tell whether an object may be a document, by its size: somebody's large file in the place is left there."""
    most = MOST_INPUT_BYTES if found.name.endswith(_COPIES) else MOST_CREATED_BYTES
    if found.state.size <= most:
        return True
    logger.warning(
        "%s: is left alone (%.2f GB): this project writes no such object; keep other files out of this place",
        store.address(found.name), found.state.size / 1e9,
    )  # fmt: skip
    return False


def refresh(root: Path) -> None:
    """Bring a mirror's documents and lists of artifacts up to date; on a disk there is nothing to do.

    Of artifacts only the manifests come, a thousand objects a request are listed.

    Args:
        root: The mirror, or a folder in it.

    Raises:
        ConfigError: If the bucket cannot be used, or has not the root any more that the mirror is of.
        OSError: If it does not answer for now.
    """
    if (place := in_bucket(root)) is None:
        return
    began = time.time()
    base = Path(*root.parts[: root.parts.index(FILES) + 1])
    store, listed, sizes = open_store(place.url), dict[str, str](), dict[str, int]()
    for found in store.list(place.name):
        if is_data_object(found.name):
            sizes[found.name] = found.state.size
        elif TRAINING not in found.name and _may_be_ours(found, store):
            listed[found.name] = found.state.e_tag
    if MARKER not in listed or listed[MARKER] != e_tag_in(known_tag(place._replace(name=MARKER)) or ""):
        check_same_root(base)

    def take(name: str) -> None:
        path = base / name
        if path.name == MANIFEST:
            place_stub(path.parent, listed[name])
            if lacks_objects(path.parent, sizes):
                push_lost(path.parent)
        elif e_tag_in(known_tag(place._replace(name=name)) or "") != listed[name] or not path.is_file():
            pull(path)

    # First the folders' manifests: a folder that is made anew loses the notes of the old one.
    for some in (True, False):
        in_threads(_AT_ONCE, "refresh", take, [name for name in listed if (Path(name).name == MANIFEST) is some])
    _forget_removed(base, place, set(listed), began)


def _forget_removed(base: Path, place: BucketPlace, listed: set[str], began: float) -> None:
    """Remove from a mirror what the bucket had and has no more."""
    known_dir = place.state_dir / "known"
    for note in sorted((known_dir / place.name).rglob("*.etag")):
        name = str(note.relative_to(known_dir)).removesuffix(".etag")
        gone = place._replace(name=name)
        # What was noted since the listing began may be newer than it.
        if name in listed or TRAINING in name or name.endswith(".damaged") or note_time(gone) > began - 1:
            continue
        path = base / name
        if path.name != MANIFEST:
            forget_tag(gone)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            continue
        with lock_if_free(path.parent.with_name(f".{path.parent.name}.lock")) as is_held:
            if is_held:
                aside = part_path(path.parent)
                with paired(gone), contextlib.suppress(FileNotFoundError):
                    if known_tag(gone) is not None:  # else it was made meanwhile, and is about to be pushed
                        forget_tag(gone)
                        path.parent.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
