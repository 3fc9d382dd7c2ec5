"""Artifacts: directories `<stage>-<key>` that appear whole or not at all, and are found again by their key.

An artifact is written into `.<name>.<builder>.part/`, its manifest last, synced and renamed. One builder per name holds
a lock that the system releases when the holder dies; what the dead left behind, the next builder removes.
"""

import contextlib
import errno
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts import bucket, pushing
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import _sync
from cdiscount_tasks.artifacts.hashes import hash_file, hash_json
from cdiscount_tasks.artifacts.in_place import swap_folder
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.locks import heartbeat, lock, part_path, remove_dead_parts
from cdiscount_tasks.artifacts.manifest import MANIFEST, _whole_result, standing_result
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.machine.memory import forget_peak, peak_memory_mib
from cdiscount_tasks.settings.places import in_bucket

logger = logging.getLogger(__name__)


class Made(NamedTuple):
    """What `write` says of an artifact that it has written.

    Attributes:
        counts: Strings and numbers that tell what was made: the manifest's `result`.
        identity: What later keys count this artifact as, where only the writing finds it out; None: its key.
        seconds_before: Seconds that others spent on the artifact's parts; they count as its own.
    """

    counts: Mapping[str, Any]
    identity: str | None = None
    seconds_before: float = 0.0


def _publish(part_dir: Path, out_dir: Path, manifest: dict[str, Any], place: Callable[[Path, Path], object]) -> None:
    files = sorted(path for path in part_dir.rglob("*") if path.is_file())
    manifest["files"] = {
        str(path.relative_to(part_dir)): {"size": path.stat().st_size, "xxh3_128": hash_file(path)} for path in files
    }
    manifest["self_hash"] = None
    manifest["self_hash"] = hash_json(manifest)
    # In this order, or a machine that loses power may keep the name and lose what it names: first the bytes of the
    # files, then the folders' entries for them (the manifest's too, which write_json syncs), and only then the name;
    # the parent's entry last, so that whoever is told "made" finds it after the power is back.
    for path in files:
        _sync(path)
    write_json(part_dir / MANIFEST, manifest)
    for folder in sorted({path.parent for path in files} | {part_dir}):
        _sync(folder)
    place(part_dir, out_dir)
    _sync(out_dir.parent)


class _MadeMeanwhile(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """Another builder's artifact has the name already."""


def _swap(part_dir: Path, out_dir: Path) -> None:
    with bucket.placing(out_dir):
        swap_folder(part_dir, out_dir)


def _rename(part_dir: Path, out_dir: Path) -> None:
    with bucket.placing(out_dir):
        part_dir.rename(out_dir)


def _place(part_dir: Path, out_dir: Path) -> None:
    """Give a part its name.

    Raises:
        _MadeMeanwhile: If a whole artifact of that name stands: where locks do not reach, another machine was quicker.
    """
    try:
        _rename(part_dir, out_dir)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        if standing_result(out_dir) is not None:
            raise _MadeMeanwhile from error
        # It was damaged: standing_result has moved it aside, and the name is free.
        _rename(part_dir, out_dir)


def _make(
    out_dir: Path,
    recipe: Recipe,
    write: Callable[[Path], Made],
    place: Callable[[Path, Path], object],
) -> dict[str, Any]:
    """Make an artifact aside and place it whole; the caller holds the lock."""
    part_dir = part_path(out_dir)
    part_dir.mkdir(parents=in_bucket(out_dir) is not None)
    remove_dead_parts(part_dir, out_dir)
    started = time.monotonic()
    forget_peak()
    try:
        with heartbeat(part_dir):
            made = write(part_dir)
        manifest = {
            **recipe.as_json(),
            "key": recipe.key,
            "identity": made.identity or recipe.key,
            "result": dict(made.counts),
            "duration_s": round(time.monotonic() - started + made.seconds_before, 3),
            "peak_memory_mib": peak_memory_mib(),
            "finished_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        _publish(part_dir, out_dir, manifest, place)
    except BaseException:
        shutil.rmtree(part_dir, ignore_errors=True)
        raise
    logger.info("%s: made in %.1f s", out_dir, manifest["duration_s"])
    return {"path": str(out_dir), **made.counts}


def _lock_of(out_dir: Path, setting: str = "CDISCOUNT_DATA") -> AbstractContextManager[None]:
    return lock(out_dir.with_name(f".{out_dir.name}.lock"), out_dir.name, setting)


def rebuild_artifact(
    out_dir: Path, recipe: Recipe, write: Callable[[Path], Made], setting: str = "CDISCOUNT_DATA"
) -> dict[str, Any]:
    """Make an artifact anew, and put it in the place of one that stands: a reader sees the old or the new one.

    Args:
        out_dir: Where the artifact will stand.
        recipe: What decides its content.
        write: Called with an empty directory to fill.
        setting: The environment variable that moves it, for the sentence about a full or unwritable disk.
    """
    with disk_faults_told(out_dir, setting), _lock_of(out_dir, setting):
        made = _make(out_dir, recipe, write, _swap)
    if in_bucket(out_dir) is not None:
        pushing.push_page(out_dir)
    return made


def build_artifact(
    out_dir: Path, recipe: Recipe, write: Callable[[Path], Made], every_byte: bool = False
) -> dict[str, Any]:
    """Find an artifact that stands, or make it whole.

    Args:
        out_dir: Where the artifact stands or will stand.
        recipe: What decides its content.
        write: Called with an empty directory to fill.
        every_byte: Whether one that exists is compared hash by hash (models), not only by size.

    Returns:
        The artifact's path, the counts that `write` gave when the artifact was made, and whether it was `reused`.
    """
    with ExitStack() as stack:
        with disk_faults_told(out_dir):
            stack.enter_context(_lock_of(out_dir))
        # What fails here is reading, not writing.
        standing = standing_result(out_dir, every_byte)
        if standing is not None:
            logger.info("%s already exists, reusing it", out_dir)
            return {**standing, "reused": True}
        with disk_faults_told(out_dir), contextlib.suppress(_MadeMeanwhile):
            made = _make(out_dir, recipe, write, _place)
            if in_bucket(out_dir) is None or pushing.push(out_dir):
                return {**made, "reused": False}
        return {**_whole_result(out_dir, every_byte), "reused": True}
