"""Artifacts: directories `<stage>-<key>` that appear whole or not at all, and are found again by their key.

An artifact is written into `.<name>.<uuid>.part/`, its manifest last, synced and renamed. One builder per name holds a
lock that the system releases when the holder dies; what the dead left behind, the next builder removes.
"""

import ctypes
import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.storage.hashes import hash_file, hash_json
from cdiscount_tasks.storage.peak_memory import forget_peak, peak_memory_mib

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_KEY_DIGITS = 16
_LOCK_POLL_S = 0.2


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


def _json_text(value: Any, indent: int | None = 2) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write JSON that is the same for the same value, and sync it; without indentation, ten times quicker."""
    with path.open("w", encoding="utf-8") as file:
        file.write(_json_text(value, indent))
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of an artifact.

    Raises:
        DataError: If it is missing, damaged or holds no object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove {path.parent} and run again") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: holds {type(value).__name__}, expected an object; remove {path.parent} and run again")
    return value


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file aside and put it in place in one step, so that a reader sees the old one or the new one."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        write(aside)
        _sync(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync(path.parent)


def read_manifest(artifact_dir: Path) -> dict[str, Any]:
    """Read an artifact's manifest, and check that its files are there in the sizes that it gives.

    Raises:
        DataError: If the artifact, its manifest or one of its files is missing or has another size.
    """
    path = artifact_dir / MANIFEST
    try:
        text = path.read_bytes().decode("utf-8")
        manifest = json.loads(text)
        sizes = {name: file["size"] for name, file in manifest["files"].items()}
        _ = manifest["identity"], manifest["result"]
        whole = manifest["self_hash"] == hash_json({**manifest, "self_hash": None}) and text == _json_text(manifest)
    except FileNotFoundError as error:
        raise DataError(f"{artifact_dir}: no finished artifact stands there ({MANIFEST} is missing)") from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise DataError(f"{path}: is damaged ({error}); remove {artifact_dir} and run again") from error
    # Before its files: a digit that changed in here would put the blame on one of them.
    if not whole:
        raise DataError(f"{path}: was changed; remove {artifact_dir} and run again")
    for name, expected in sizes.items():
        file = artifact_dir / name
        found = file.stat().st_size if file.is_file() else None
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


_DISK_FAULTS = {
    errno.ENOSPC: "the disk is full: free space there or point {setting} at another disk",
    errno.EDQUOT: "the disk quota is used up: free space there or point {setting} at another disk",
    errno.EACCES: "it cannot be written: give this user the right to, or point {setting} elsewhere",
    errno.EPERM: "it cannot be written: give this user the right to, or point {setting} elsewhere",
    errno.EROFS: "the file system is read-only: point {setting} elsewhere",
    errno.ENOTDIR: "a part of the path is no folder: point {setting} elsewhere",
}


def _is_elsewhere(error: OSError, folder: Path) -> bool:
    """Tell whether a fault is of an input: of a file neither beside or below a folder nor on the way to it."""
    if not isinstance(error.filename, str):
        return False
    path = Path(error.filename)
    return not path.is_relative_to(folder.parent) and not folder.is_relative_to(path)


@contextmanager
def disk_faults_told(folder: Path, setting: str = "CDISCOUNT_DATA") -> Iterator[None]:
    """Turn what a full or unwritable disk raises into a sentence.

    Args:
        folder: What is being written.
        setting: The environment variable that moves it.

    Raises:
        ConfigError: For the faults that a user can mend; any other OSError passes.
    """
    try:
        yield
    except OSError as error:
        # PyArrow raises OSErrors whose errno is set only in newer versions; its text always ends in "[errno N] ...".
        code = error.errno or next((code for code in _DISK_FAULTS if f"[errno {code}]" in str(error)), None)
        if code not in _DISK_FAULTS:
            raise
        if code in (errno.EACCES, errno.EPERM) and _is_elsewhere(error, folder):
            raise ConfigError(f"{error.filename}: cannot be read: give this user the right to") from error
        raise ConfigError(f"{folder}: {_DISK_FAULTS[code].format(setting=setting)}") from error


@contextmanager
def lock(path: Path, wanted: str) -> Iterator[None]:
    """Hold a lock file, waiting for whoever holds it; the system releases it when its holder dies.

    Args:
        path: The lock file; it stays, since removing it would race with those who wait.
        wanted: What is being waited for, for the log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    file.seek(0)
                    logger.info("%s is being made by %s: waiting for it", wanted, file.read().strip() or "another")
                    told = True
                time.sleep(_LOCK_POLL_S)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _remove_dead_parts(out_dir: Path) -> None:
    for part_dir in sorted(out_dir.parent.glob(f".{out_dir.name}.*.part")):
        logger.info("removing %s, left by a builder that died", part_dir.name)
        shutil.rmtree(part_dir, ignore_errors=True)


def standing_result(out_dir: Path, every_byte: bool = False) -> dict[str, Any] | None:
    """Return the result of an artifact that stands whole, or None.

    One that is damaged is moved aside to `<name>.damaged-<uuid>` and told, so that it can be made again.

    Args:
        out_dir: Where the artifact would stand.
        every_byte: Whether the hash of each file is compared, not only its size.
    """
    if not out_dir.exists():
        return None
    try:
        manifest = read_manifest(out_dir)
        if every_byte:
            verify_artifact(out_dir)
    except DataError as error:
        aside = out_dir.with_name(f"{out_dir.name}.damaged-{uuid.uuid4().hex[:8]}")
        out_dir.rename(aside)
        logger.warning("%s: moved to %s, to be made again", error, aside.name)
        return None
    return {"path": str(out_dir), **manifest["result"]}


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
        aside = part_dir.with_name(f".{out_dir.name}.{uuid.uuid4().hex}.part")
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
    _remove_dead_parts(out_dir)
    part_dir = out_dir.with_name(f".{out_dir.name}.{uuid.uuid4().hex}.part")
    part_dir.mkdir()
    started = time.monotonic()
    forget_peak()
    try:
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
    with disk_faults_told(out_dir, setting), lock(out_dir.with_name(f".{out_dir.name}.lock"), out_dir.name):
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
    with disk_faults_told(out_dir), lock(out_dir.with_name(f".{out_dir.name}.lock"), out_dir.name):
        standing = standing_result(out_dir, every_byte)
        if standing is not None:
            logger.info("%s stands already: nothing to do", out_dir)
            return {**standing, "reused": True}
        return {**_make(out_dir, recipe, write, identity, Path.rename), "reused": False}
