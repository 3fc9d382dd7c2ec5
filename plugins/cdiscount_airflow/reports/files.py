"""The files of the reports folder that may be served: what a manifest names, where it is, and nothing else.

Of a bucket's reports the manifest decides as well; a file of theirs comes to this machine when it is to be served.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.bucket import open_file
from cdiscount_tasks.artifacts.manifest import read_listed
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.folders import PAIRS, PREDICTIONS_FOLDER
from cdiscount_tasks.settings.places import in_bucket

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
        is_there = path.is_dir() or in_bucket(root) is not None  # what is in a bucket need not be here yet
        return path if path.resolve() == path and is_there else None
    except OSError:  # a name that is too long
        return None


def _named_in(report_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the size and hash of each file that a folder's manifest names; empty without a finished artifact.

    Raises:
        StoreAway: If the bucket that has it does not answer for now.
    """
    try:
        return dict(read_listed(report_dir)["files"])
    except StoreAway:
        raise
    except (DataError, OSError):
        return {}


def _is_servable(report_dir: Path, name: str, named: dict[str, dict[str, Any]]) -> bool:
    if not _PLAIN_NAME.fullmatch(name) or name not in named:
        return False
    path = report_dir / name
    return not path.is_symlink() and (path.is_file() or in_bucket(path) is not None)


def has_file(reports_dir: Path, group: str, folder: str, name: str) -> bool:
    """Tell whether `find_file` would return a file; it need not come to this machine for that."""
    report_dir = folder_of(reports_dir, group, folder)
    return report_dir is not None and _is_servable(report_dir, name, _named_in(report_dir))


def find_file(reports_dir: Path, group: str, folder: str, name: str) -> ServedFile | None:
    """Return a file that the manifest beside it names, or None.

    Args:
        reports_dir: CDISCOUNT_REPORTS; may be a link itself, but nothing below it may.
        group: A sample's name, `catalogue` or `comparison`.
        folder: The report's folder.
        name: The file's name.

    Raises:
        StoreAway: If the bucket that has it does not answer for now.
    """
    report_dir = folder_of(reports_dir, group, folder)
    named = {} if report_dir is None else _named_in(report_dir)
    if report_dir is None or not _is_servable(report_dir, name, named):
        return None
    path = report_dir / name
    if in_bucket(path) is not None and not _fetch(path, named[name]):
        return None
    return ServedFile(path, _MEDIA_TYPES.get(path.suffix, "application/octet-stream"), named[name]["xxh3_128"])


def _fetch(path: Path, facts: dict[str, Any]) -> bool:
    """Let a file of a bucket's artifact be on this machine; False: the bucket has it no more as the manifest names it.

    It may leave the cache as soon as it is open: unlike a task, this process reads each file once.
    """
    try:
        open_file(path.parent, path.name)
        is_whole = path.stat().st_size == int(facts["size"])
    except StoreAway:
        raise
    except (DataError, OSError):
        return False
    cache.note_used(path.parent)
    cache.make_room(path.parent, keep=path.parent)
    return is_whole


def has_pair_file(reports_dir: Path, sample: str, folder: str, name: str) -> bool:
    """Tell whether `find_pair_file` would return a file."""
    return folder_of(reports_dir, sample, PAIRS) is not None and has_file(reports_dir / sample, PAIRS, folder, name)


def has_predictions_file(reports_dir: Path, sample: str, folder: str, name: str) -> bool:
    """Tell whether `find_predictions_file` would return a file."""
    known = folder_of(reports_dir, PREDICTIONS_FOLDER, sample) is not None
    return known and has_file(reports_dir / PREDICTIONS_FOLDER, sample, folder, name)


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
    return list(sizes_in(reports_dir, group, folder))


def sizes_in(reports_dir: Path, group: str, folder: str) -> dict[str, int]:
    """Return the names of the files of a folder that may be served, sorted, and how many bytes each has."""
    report_dir = folder_of(reports_dir, group, folder)
    if report_dir is None:
        return {}
    named = _named_in(report_dir)
    return {name: int(named[name]["size"]) for name in sorted(named) if _is_servable(report_dir, name, named)}


def zip_chunks(reports_dir: Path, group: str, folder: str) -> Iterator[bytes]:
    """Give a zip of all files of a folder that may be served, in the folder's name, chunk by chunk."""
    with tempfile.TemporaryFile() as aside:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in names_in(reports_dir, group, folder):
                if file := find_file(reports_dir, group, folder, name):
                    archive.write(file.path, f"{folder}/{name}")
        aside.seek(0)
        while chunk := aside.read(_CHUNK_BYTES):
            yield chunk
