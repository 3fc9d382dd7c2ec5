"""The files of the reports folder that may be served: what a manifest names, where it is, and nothing else."""

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.folders import PAIRS, PREDICTIONS_FOLDER

HTML = "text/html; charset=utf-8"
_MEDIA_TYPES = {
    ".html": HTML,
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".json": "application/json",
}
_CHUNK_BYTES = 1 << 20
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class ServedFile(NamedTuple):
    """A file to be served.

    Attributes:
        path: Where it is.
        media_type: As its name says.
        content_hash: From its manifest.
    """

    path: Path
    media_type: str
    content_hash: str


def folder_of(reports_dir: Path, group: str, folder: str) -> Path | None:
    """Return a folder below the reports folder; None: it is missing, or a link."""
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


def find_pair_file(reports_dir: Path, sample: str, folder: str, name: str) -> ServedFile | None:
    """Return a file of a page of two runs of a sample, or None; the arguments are those of `find_file`."""
    if folder_of(reports_dir, sample, PAIRS) is None:
        return None
    return find_file(reports_dir / sample, PAIRS, folder, name)


def find_predictions_file(reports_dir: Path, sample: str, folder: str, name: str) -> ServedFile | None:
    """Return a file of a page of predictions by a sample's model, or None; the arguments are those of `find_file`."""
    if folder_of(reports_dir, PREDICTIONS_FOLDER, sample) is None:
        return None
    return find_file(reports_dir / PREDICTIONS_FOLDER, sample, folder, name)


def names_in(reports_dir: Path, group: str, folder: str) -> list[str]:
    """Return the names of the files of a folder that may be served; none without a finished artifact."""
    report_dir = folder_of(reports_dir, group, folder)
    if report_dir is None:
        return []
    try:
        named = sorted(read_manifest(report_dir)["files"])
    except DataError:
        return []
    return [name for name in named if find_file(reports_dir, group, folder, name)]


def zip_chunks(reports_dir: Path, group: str, folder: str) -> Iterator[bytes]:
    """Give a zip of all files of a folder that may be served, in the folder's name, chunk by chunk."""
    with tempfile.TemporaryFile() as aside:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in names_in(reports_dir, group, folder):
                archive.write(reports_dir / group / folder / name, f"{folder}/{name}")
        aside.seek(0)
        while chunk := aside.read(_CHUNK_BYTES):
            yield chunk
