"""The manifest of an artifact: what it holds and what decided it; whether an artifact is there whole.

Damage is what the bytes say. A file that cannot be read for now is an OSError, which passes: nothing is removed for it,
and the same call may succeed in a minute.
"""

import contextlib
import json
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts import bucket
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import DAMAGE, NO_SUCH_FILE
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, advice, check_hash, read_local_manifest
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import address_of, in_bucket

__all__ = ["MANIFEST", "read_local_manifest"]

logger = logging.getLogger(__name__)


def without_advice(error: DataError, artifact_dir: Path) -> str:
    """Return what is wrong with an artifact that cannot be made again, such as a model that was promoted."""
    told = str(error)
    for where in (artifact_dir, address_of(artifact_dir)):
        told = told.removesuffix(advice(where)).rstrip(" ;:")
    return told.replace(str(artifact_dir), address_of(artifact_dir))


def read_manifest(artifact_dir: Path) -> dict[str, Any]:
    """Read an artifact's manifest, and check that its files are there in the sizes that it gives.

    One that a bucket has and this machine has not is fetched first.

    Raises:
        DataError: If the artifact, its manifest or one of its files is missing or has another size.
        OSError: If one of them cannot be read for now.
    """
    if in_bucket(artifact_dir) is None:
        return read_local_manifest(artifact_dir)
    return bucket.open_artifact(artifact_dir)


def read_listed(artifact_dir: Path) -> dict[str, Any]:
    """Read the manifest of an artifact that is listed, not opened: of a bucket's, its files need not come.

    Raises:
        DataError: If it is missing or damaged; on a disk, also if one of its files is.
        OSError: If it cannot be read for now.
    """
    if in_bucket(artifact_dir) is None:
        return read_local_manifest(artifact_dir)
    manifest = bucket.find_manifest(artifact_dir)
    if manifest is None:
        raise DataError(f"{artifact_dir}: no finished artifact stands there ({MANIFEST} is missing)")
    return manifest


def _finished_at(manifest: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(manifest["finished_at"]).astimezone(UTC)
    except DAMAGE:
        return None


def finished_at(manifest: Mapping[str, Any], written: datetime) -> datetime:
    """Return when an artifact was finished, in UTC, as its manifest says it: a copied folder has other file times.

    Args:
        manifest: As read.
        written: When its file was written, for an artifact of an older version, whose manifest does not say.
    """
    return _finished_at(manifest) or written


def when_finished(artifact_dir: Path) -> datetime:
    """Return when an artifact was finished, in UTC, whether it is whole or not.

    Raises:
        OSError: If its manifest is missing or cannot be read.
    """
    path = artifact_dir / MANIFEST
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        return finished_at(json.loads(path.read_bytes()), written)
    except DAMAGE:
        return written


def verify_artifact(artifact_dir: Path) -> int:
    """Compare every file with the hash in the manifest.

    Returns:
        The number of files checked.

    Raises:
        DataError: If a file is missing or damaged; names it.
    """
    manifest = read_manifest(artifact_dir)
    for name, expected in manifest["files"].items():
        path = artifact_dir / name
        check_hash(path, hash_file(path), expected, "the file", advice(artifact_dir))
    return len(manifest["files"])


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
        if in_bucket(out_dir) is None:
            return _whole_result(out_dir, every_byte=False)
        manifest = bucket.find_manifest(out_dir)
        return None if manifest is None else {"path": str(out_dir), **manifest["result"]}
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
    if in_bucket(out_dir) is not None:
        bucket.settle(out_dir)
    if not _exists(out_dir):
        return None
    try:
        return _whole_result(out_dir, every_byte)
    except DataError as error:
        aside = out_dir.with_name(f"{out_dir.name}.damaged-{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(FileNotFoundError):  # where locks do not reach, another machine was quicker
            out_dir.rename(aside)
        logger.warning("%s: moved to %s, to be made again", error, aside.name)
    if in_bucket(out_dir) is not None:
        with contextlib.suppress(DataError):  # the bucket's is damaged too
            return _whole_result(out_dir, every_byte)
    return None
