"""Artifacts: directories `<stage>-<key>` that appear whole or not at all, and are found again by their key.

An artifact is written into `.<name>.<builder>.part/`, its manifest last, synced and renamed. One builder per name holds
a lock that the system releases when the holder dies; what the dead left behind, the next builder removes.

Damage is what the bytes say. A file that cannot be read for now is an OSError, which passes: nothing is removed for it,
and the same call may succeed in a minute.
"""

import contextlib
import ctypes
import errno
import json
import logging
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.storage.faults import disk_faults_told
from cdiscount_tasks.storage.hashes import hash_file, hash_json
from cdiscount_tasks.storage.json_files import DAMAGE, NO_SUCH_FILE, json_text, read_json, write_json
from cdiscount_tasks.storage.locks import heartbeat, lock, part_path, remove_dead_parts
from cdiscount_tasks.storage.peak_memory import forget_peak, peak_memory_mib

__all__ = [
    "MANIFEST",
    "Recipe",
    "build_artifact",
    "disk_faults_told",
    "find_result",
    "lock",
    "read_json",
    "read_manifest",
    "rebuild_artifact",
    "replace_file",
    "standing_result",
    "verify_artifact",
    "write_json",
]

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_KEY_DIGITS = 16


@dataclass(frozen=True)
class Recipe:
    """What decides an artifact's content, and with it its key.

    Attributes:
        stage: The noun that the artifact carries, such as `labels`.
        version: The stage's VERSION, raised whenever the meaning of its output changes.
        config: The stage's part of the config, as JSON.
        inputs: Input artifacts by name; their identities count, not where they lie.
        files: Hashes of outside files by name.
        libraries: Versions of the libraries whose behaviour changes the output.
    """

    stage: str
    version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, Path]
    files: Mapping[str, str]
    libraries: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as it is hashed and written to the manifest."""
        return {
            "stage": self.stage,
            "version": self.version,
            "config": dict(self.config),
            "inputs": {name: read_manifest(path)["identity"] for name, path in self.inputs.items()},
            "files": dict(self.files),
            "libraries": dict(self.libraries),
        }

    @property
    def key(self) -> str:
        """Return the 16 hex digits of the recipe's xxh3-128."""
        return hash_json(self.as_json())[:_KEY_DIGITS]

    def dir_in(self, parent: Path) -> Path:
        """Return where the artifact stands or will stand."""
        return parent / f"{self.stage}-{self.key}"


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file aside and put it in place in one step, so that a reader sees the old one or the new one."""
    aside = part_path(path)
    try:
        write(aside)
        _sync(aside)
        remove_dead_parts(aside, path)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync(path.parent)


def _size_of(path: Path) -> int | None:
    """Return a regular file's size; None: there is no such file."""
    try:
        found = path.stat()
    except NO_SUCH_FILE:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def read_manifest(artifact_dir: Path) -> dict[str, Any]:
    """Read an artifact's manifest, and check that its files are there in the sizes that it gives.

    Raises:
        DataError: If the artifact, its manifest or one of its files is missing or has another size.
        OSError: If one of them cannot be read for now.
    """
    path = artifact_dir / MANIFEST
    try:
        text = path.read_bytes().decode("utf-8")
        manifest = json.loads(text)
        sizes = {name: file["size"] for name, file in manifest["files"].items()}
        _ = manifest["identity"], manifest["result"]
        whole = manifest["self_hash"] == hash_json({**manifest, "self_hash": None}) and text == json_text(manifest)
    except NO_SUCH_FILE as error:
        raise DataError(f"{artifact_dir}: no finished artifact stands there ({MANIFEST} is missing)") from error
    except DAMAGE as error:
        raise DataError(f"{path}: is damaged ({error}); remove {artifact_dir} and run again") from error
    # Before its files: a digit that changed in here would put the blame on one of them.
    if not whole:
        raise DataError(f"{path}: was changed; remove {artifact_dir} and run again")
    for name, expected in sizes.items():
        file = artifact_dir / name
        found = _size_of(file)
        if found != expected:
            was = "is missing" if found is None else f"has {found} bytes"
            raise DataError(f"{file}: {was}, expected {expected} bytes; remove {artifact_dir} and run again")
    return cast(dict[str, Any], manifest)


def verify_artifact(artifact_dir: Path) -> int:
    """Compare every file with the hash in the manifest.

    Returns:
        The number of files checked.

    Raises:
        DataError: If a file is missing or damaged; names it.
    """
    manifest = read_manifest(artifact_dir)
    for name, expected in manifest["files"].items():
        found = hash_file(artifact_dir / name)
        if found != expected["xxh3_128"]:
            raise DataError(
                f"{artifact_dir / name}: its hash is {found}, expected {expected['xxh3_128']}; the file is damaged: "
                f"remove {artifact_dir} and run again"
            )
    return len(manifest["files"])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except NO_SUCH_FILE:
        return False
    return True


def _whole_result(out_dir: Path, every_byte: bool) -> dict[str, Any]:
    manifest = read_manifest(out_dir)
    if every_byte:
        verify_artifact(out_dir)
    return {"path": str(out_dir), **manifest["result"]}


def find_result(out_dir: Path) -> dict[str, Any] | None:
    """Return the result of an artifact that stands whole, or None; moves nothing, so that it needs no lock.

    Raises:
        OSError: If it cannot be read for now.
    """
    try:
        return _whole_result(out_dir, every_byte=False)
    except DataError:
        return None


def standing_result(out_dir: Path, every_byte: bool = False) -> dict[str, Any] | None:
    """Return the result of an artifact that stands whole, or None; the caller holds its lock.

    One that is damaged is moved aside to `<name>.damaged-<uuid>` and told, so that it can be made again.

    Args:
        out_dir: Where the artifact would stand.
        every_byte: Whether the hash of each file is compared, not only its size.

    Raises:
        OSError: If it cannot be read for now; it stays where it is.
    """
    if not _exists(out_dir):
        return None
    try:
        return _whole_result(out_dir, every_byte)
    except DataError as error:
        aside = out_dir.with_name(f"{out_dir.name}.damaged-{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(FileNotFoundError):  # where locks do not reach, another machine was quicker
            out_dir.rename(aside)
        logger.warning("%s: moved to %s, to be made again", error, aside.name)
        return None


def _publish(part_dir: Path, out_dir: Path, manifest: dict[str, Any], place: Callable[[Path, Path], object]) -> None:
    files = sorted(path for path in part_dir.rglob("*") if path.is_file())
    manifest["files"] = {
        str(path.relative_to(part_dir)): {"size": path.stat().st_size, "xxh3_128": hash_file(path)} for path in files
    }
    manifest["self_hash"] = None
    manifest["self_hash"] = hash_json(manifest)
    for path in files:
        _sync(path)
    write_json(part_dir / MANIFEST, manifest)
    for folder in sorted({path.parent for path in files} | {part_dir}):
        _sync(folder)
    place(part_dir, out_dir)
    _sync(out_dir.parent)


class _MadeMeanwhile(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """Another builder's artifact has the name already."""


def _place(part_dir: Path, out_dir: Path) -> None:
    """Give a part its name.

    Raises:
        _MadeMeanwhile: If a whole artifact of that name stands: where locks do not reach, another machine was quicker.
    """
    try:
        part_dir.rename(out_dir)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        if standing_result(out_dir) is not None:
            raise _MadeMeanwhile from error
        part_dir.rename(out_dir)


def _swap(part_dir: Path, out_dir: Path) -> None:
    """Put a directory in the place of another in one step; what stood there before is removed.

    POSIX renames onto empty directories only. Linux can exchange two (renameat2 in glibc from 2.28 on); elsewhere, or
    on a file system that cannot, nothing stands there for the moment between two renames.
    """
    if not out_dir.exists():
        part_dir.rename(out_dir)
        return
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    at_cwd, exchange_flag = -100, 2
    if exchange is None or exchange(at_cwd, os.fsencode(part_dir), at_cwd, os.fsencode(out_dir), exchange_flag) != 0:
        aside = part_path(out_dir)
        out_dir.rename(aside)
        part_dir.rename(out_dir)
        part_dir = aside
    shutil.rmtree(part_dir, ignore_errors=True)


def _make(
    out_dir: Path,
    recipe: Recipe,
    write: Callable[[Path], Mapping[str, Any]],
    identity: str | None,
    place: Callable[[Path, Path], object],
) -> dict[str, Any]:
    """Make an artifact aside and place it whole; the caller holds the lock."""
    part_dir = part_path(out_dir)
    part_dir.mkdir()
    remove_dead_parts(part_dir, out_dir)
    started = time.monotonic()
    forget_peak()
    try:
        with heartbeat(part_dir):
            result = dict(write(part_dir))
        earlier_s = result.pop("earlier_s", 0.0)
        manifest = {
            **recipe.as_json(),
            "key": recipe.key,
            "identity": identity.format(**result) if identity else recipe.key,
            "result": result,
            "duration_s": round(time.monotonic() - started + earlier_s, 3),
            "peak_memory_mib": peak_memory_mib(),
        }
        _publish(part_dir, out_dir, manifest, place)
    except BaseException:
        shutil.rmtree(part_dir, ignore_errors=True)
        raise
    logger.info("%s: made in %.1f s", out_dir, manifest["duration_s"])
    return {"path": str(out_dir), **result}


def _lock_of(out_dir: Path, setting: str = "CDISCOUNT_DATA") -> AbstractContextManager[None]:
    return lock(out_dir.with_name(f".{out_dir.name}.lock"), out_dir.name, setting)


def rebuild_artifact(
    out_dir: Path, recipe: Recipe, write: Callable[[Path], Mapping[str, Any]], setting: str = "CDISCOUNT_DATA"
) -> dict[str, Any]:
    """Make an artifact anew, and put it in the place of one that stands: a reader sees the old or the new one.

    Args:
        out_dir: Where the artifact will stand.
        recipe: What decides its content.
        write: Called with an empty directory to fill; returns the counts that tell what was made.
        setting: The environment variable that moves it, for the sentence about a full or unwritable disk.
    """
    with disk_faults_told(out_dir, setting), _lock_of(out_dir, setting):
        return _make(out_dir, recipe, write, None, _swap)


def build_artifact(
    out_dir: Path,
    recipe: Recipe,
    write: Callable[[Path], Mapping[str, Any]],
    identity: str | None = None,
    every_byte: bool = False,
) -> dict[str, Any]:
    """Find an artifact that stands, or make it whole.

    Args:
        out_dir: Where the artifact stands or will stand.
        recipe: What decides its content.
        write: Called with an empty directory to fill; returns the counts that tell what was made. Its `earlier_s`, if
            any, are seconds that others spent on the artifact's parts: they are added to those of the writing.
        every_byte: Whether one that stands is compared hash by hash (models), not only by size.
        identity: What later keys count this artifact as; None: its key. May be a key of the returned counts, in
            braces, for what only the writing finds out: `"{catalogue_id}"`.

    Returns:
        The artifact's path, the counts that `write` gave when the artifact was made, and whether it was `reused`.
    """
    with ExitStack() as stack:
        with disk_faults_told(out_dir):
            stack.enter_context(_lock_of(out_dir))
        # What fails here is reading, not writing.
        standing = standing_result(out_dir, every_byte)
        if standing is not None:
            logger.info("%s stands already: nothing to do", out_dir)
            return {**standing, "reused": True}
        with disk_faults_told(out_dir), contextlib.suppress(_MadeMeanwhile):
            return {**_make(out_dir, recipe, write, identity, _place), "reused": False}
        return {**_whole_result(out_dir, every_byte), "reused": True}
