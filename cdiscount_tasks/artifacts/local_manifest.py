"""The manifest of an artifact as a file: read, and compared with the files beside it."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.json_files import DAMAGE, NO_SUCH_FILE, json_text
from cdiscount_tasks.errors import DataError

MANIFEST = "manifest.json"


def advice(artifact_dir: Path | str) -> str:
    """Say what to do about an artifact that can be made again."""
    return f"remove {artifact_dir} and run again"


def check_hash(place: Path | str, found: str, expected: Mapping[str, Any], what: str, to_do: str) -> None:
    """Refuse bytes that are not those which a manifest names.

    Args:
        place: Where they are, for the sentence.
        found: Their xxh3-128.
        expected: The file's entry in the manifest, with `xxh3_128`.
        what: What they are: `the file`, `the object`, `this copy`.
        to_do: What to do about it.

    Raises:
        DataError: If their hash differs.
    """
    if found != expected["xxh3_128"]:
        raise DataError(f"{place}: its hash is {found}, expected {expected['xxh3_128']}; {what} is damaged: {to_do}")


def parse_manifest(data: bytes, path: Path) -> dict[str, Any]:
    """Read the bytes of a manifest.

    Args:
        data: As they were written.
        path: Where they are, for the sentence.

    Raises:
        DataError: If they are damaged, or were changed.
    """
    try:
        text = data.decode("utf-8")
        manifest = json.loads(text)
        _ = {name: file["size"] for name, file in manifest["files"].items()}, manifest["identity"], manifest["result"]
        whole = manifest["self_hash"] == hash_json({**manifest, "self_hash": None}) and text == json_text(manifest)
    except DAMAGE as error:
        raise DataError(f"{path}: is damaged ({error}); {advice(path.parent)}") from error
    # Before its files: a digit that changed in here would put the blame on one of them.
    if not whole:
        raise DataError(f"{path}: was changed; {advice(path.parent)}")
    return cast(dict[str, Any], manifest)


def _size_of(path: Path) -> int | None:
    """Return a regular file's size; None: there is no such file."""
    try:
        found = path.stat()
    except NO_SUCH_FILE:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def read_local_manifest(artifact_dir: Path) -> dict[str, Any]:
    """Read an artifact's manifest on this machine, and check that its files are there in the sizes that it gives.

    Raises:
        DataError: If the artifact, its manifest or one of its files is missing or has another size.
        OSError: If one of them cannot be read for now.
    """
    path = artifact_dir / MANIFEST
    try:
        data = path.read_bytes()
    except NO_SUCH_FILE as error:
        raise DataError(f"{artifact_dir}: no finished artifact stands there ({MANIFEST} is missing)") from error
    manifest = parse_manifest(data, path)
    for name, file in manifest["files"].items():
        found = _size_of(artifact_dir / name)
        if found != file["size"]:
            was = "is missing" if found is None else f"has {found} bytes"
            raise DataError(f"{artifact_dir / name}: {was}, expected {file['size']} bytes; {advice(artifact_dir)}")
    return manifest
