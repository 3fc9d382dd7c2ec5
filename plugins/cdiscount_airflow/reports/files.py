"""The files of the reports folder that may be served: what a manifest names, where it stands, and nothing else."""

import re
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.storage.artifact import read_manifest

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    # As text, so that a browser shows them in place.
    ".csv": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".json": "application/json",
}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class ServedFile(NamedTuple):
    """A file to be served.

    Attributes:
        path: Where it stands.
        media_type: As its name says; what is not known is for saving, not for showing.
        content_hash: From its manifest.
    """

    path: Path
    media_type: str
    content_hash: str


def folder_of(reports_dir: Path, group: str, folder: str) -> Path | None:
    """Return a folder below the reports folder; None: there is none, or a link stands in its place."""
    if not (_PLAIN_NAME.fullmatch(group) and _PLAIN_NAME.fullmatch(folder)):
        return None
    root = reports_dir.resolve()
    path = root / group / folder
    try:
        return path if path.resolve() == path and path.is_dir() else None
    except OSError:  # a name that is too long
        return None


def find_file(reports_dir: Path, group: str, folder: str, name: str) -> ServedFile | None:
    """Return a file that the manifest beside it names, or None.

    Args:
        reports_dir: CDISCOUNT_REPORTS; may be a link itself, but nothing below it may.
        group: A sample's name, `catalogue` or `comparison`.
        folder: The report's folder.
        name: The file's name.
    """
    report_dir = folder_of(reports_dir, group, folder)
    if report_dir is None or not _PLAIN_NAME.fullmatch(name):
        return None
    path = report_dir / name
    try:
        named = read_manifest(report_dir)["files"].get(name)
    except (DataError, OSError):
        return None
    if named is None or path.is_symlink() or not path.is_file():
        return None
    return ServedFile(path, _MEDIA_TYPES.get(path.suffix, "application/octet-stream"), named["xxh3_128"])
