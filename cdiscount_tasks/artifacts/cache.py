"""The size of a mirror: artifacts that were opened longest ago go first, and never one that a process has opened.

A process that opens an artifact shares a lock of its until it ends: it may read the files at any time, and so may the
processes that it starts. What loses its files keeps its manifest, and is fetched again by whoever opens it.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import IO

from cdiscount_tasks.artifacts.in_place import swap_folder, write_synced
from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.artifacts.local_manifest import MANIFEST
from cdiscount_tasks.artifacts.locks import lock_if_free, part_path
from cdiscount_tasks.artifacts.mirror import known_tag, paired, place_in
from cdiscount_tasks.settings.places import BUCKETS, FILES, STATE, BucketPlace, cache_bytes

logger = logging.getLogger(__name__)

_MOST_HELD = 256
"""A process that opens more is one that looks through them all."""
_opened: dict[Path, IO[bytes]] = {}
"""By artifact: the files whose locks this process shares until it ends."""


def _record(place: BucketPlace) -> Path:
    digest = hashlib.sha256(place.name.encode()).hexdigest()[:32]
    return place.state_dir / "opened" / digest


def note_opened(folder: Path) -> None:
    """Note that an artifact is opened now; it stays in the cache while this process runs."""
    place = place_in(folder, MANIFEST)
    path = _record(place)
    if folder in _opened and path.exists():
        os.utime(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b")
    fcntl.flock(file, fcntl.LOCK_SH)  # who removes it holds it for a moment
    file.truncate(0)
    file.write(str(folder).encode())
    file.flush()
    _opened[folder] = file
    while len(_opened) > _MOST_HELD:
        _opened.pop(next(iter(_opened))).close()


def note_used(folder: Path) -> None:
    """Note that a file of an artifact is read now, by a process that lives long: it does not keep it in the cache."""
    path = _record(place_in(folder, MANIFEST))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(folder), encoding="utf-8")


def _size_of(folder: Path) -> int:
    """Return the bytes of an artifact's files that are here; lists have some of them fetched alone."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return sum(int(facts["size"]) for name, facts in files.items() if (folder / name).is_file())
    except (OSError, *DAMAGE):
        return 0


def make_room(opened: Path, *, keep: Path | None = None) -> None:
    """Remove artifacts that were opened longest ago, until the cache has no more than CDISCOUNT_CACHE_GB.

    Args:
        opened: A folder of the cache that this process has just fetched or made.
        keep: An artifact that stays though no process has it open.
    """
    most = cache_bytes()
    if most is None:
        return
    root = Path(*opened.parts[: opened.parts.index(BUCKETS) + 1])
    with lock_if_free(root / "make-room.lock") as is_held:
        if not is_held:
            return  # another process is at it
        records = [(path.stat().st_mtime, path) for path in sorted(root.rglob(f"{STATE}/opened/*"))]
        folders = [(path, Path(path.read_text(encoding="utf-8"))) for _, path in sorted(records)]
        sizes = {folder: _size_of(folder) for _, folder in folders}
        total = sum(sizes.values())
        for path, folder in folders:
            if total <= most:
                return
            if folder != keep and sizes[folder] and _evict(path, folder):
                total -= sizes[folder]
        if total > most:
            logger.warning(
                "%s: has %s MB of artifacts, more than the %s MB that CDISCOUNT_CACHE_GB allows, and all of them are "
                "in use; set it to %.3f at least, or unset it for no bound", root,
                f"{total / 1e6:,.1f}", f"{most / 1e6:,.1f}", -(-total // 1_000_000) / 1000,
            )  # fmt: skip


def _evict(record: Path, folder: Path) -> bool:
    """Remove an artifact's files where no process has it open; its manifest stays."""
    with record.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if FILES not in folder.parts:
            return False
        part = part_path(folder)
        with paired(place_in(folder, MANIFEST)):
            if known_tag(place_in(folder, MANIFEST)) is None:
                return False  # it is nowhere else
            part.mkdir()
            try:
                write_synced(part / MANIFEST, (folder / MANIFEST).read_bytes())
                swap_folder(part, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        logger.info("%s: left the cache, the bucket has it", folder.name)
        return True
