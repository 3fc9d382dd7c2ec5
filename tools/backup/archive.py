"""A back-up's file: one tar, written as a stream, which begins with what it is of and ends with the hash of each file.

An archive that is cut short has no end, and none that was changed fits its hashes: nothing of it is restored.
"""

import errno
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import xxhash

from cdiscount_tasks.artifacts.files import _sync
from cdiscount_tasks.artifacts.json_files import DAMAGE, json_text
from cdiscount_tasks.artifacts.locks import part_path, remove_dead_parts
from cdiscount_tasks.errors import DataError

FORMAT = 1
"""Of the archive; raised when an older version of the project could not restore one."""

_HEAD, _END = "backup.json", "manifest.json"
_BLOCK_BYTES = 2**20
_DAMAGED = "copy it again, or take a different archive"


class Packed(NamedTuple):
    """A file of an archive: its bytes, their xxh3-128, and when it was written, in seconds since 1970."""

    size: int
    xxh3_128: str
    written_s: float


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: is no archive of `make backup`, or was cut short ({error}); {_DAMAGED}")


class Content:
    """A file in an archive, read once."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            DataError: If the archive ends before.
        """
        try:
            return self._file.read(size)
        except tarfile.TarError as error:
            raise _broken(self._path, error) from error


class _Hashed:
    """A file that is read once, with the hash of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, xxhash.xxh3_128()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        block = self._file.read(size)
        self._hash.update(block)
        return block

    def hexdigest(self) -> str:
        """Return the hash of all that was read."""
        return self._hash.hexdigest()


class Writer:
    """Adds files to an archive; `files` has those so far, by their name in it."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.files: dict[str, Packed] = {}

    def _add(self, name: str, file: IO[bytes], size: int, written_s: float) -> None:
        info, hashed = tarfile.TarInfo(name), _Hashed(file)
        info.size, info.mtime, info.mode = size, written_s, 0o644
        self._tar.addfile(info, hashed)
        self.files[name] = Packed(size, hashed.hexdigest(), written_s)

    def add(self, name: str, path: Path) -> None:
        """Add a file.

        Raises:
            DataError: If it is removed meanwhile, or becomes shorter.
            OSError: If it cannot be read, or the archive cannot be written.
        """
        try:
            with path.open("rb") as file:
                state = os.fstat(file.fileno())
                self._add(name, file, state.st_size, state.st_mtime)
        except OSError as error:
            if error.errno not in (None, errno.ENOENT):
                raise
            # It ended before its size: tarfile says so without a code.
            raise DataError(f"{path}: was changed or removed while it was backed up; back up again") from error

    def add_bytes(self, name: str, content: bytes, written_s: float) -> None:
        """Add bytes that were read before."""
        self._add(name, io.BytesIO(content), len(content), written_s)


@contextmanager
def writing(path: Path, head: Mapping[str, Any]) -> Iterator[Writer]:
    """Write an archive aside, and give it its name once it is whole and on the disk.

    Args:
        path: Where it will be; only this user may read it.
        head: What it is of, in JSON.
    """
    part = part_path(path)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            remove_dead_parts(part, path)
            with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK_BYTES) as tar:
                writer = Writer(tar)
                writer.add_bytes(_HEAD, json_text({**head, "format": FORMAT}).encode(), 0)
                yield writer
                files = {name: packed._asdict() for name, packed in writer.files.items()}
                writer.add_bytes(_END, json_text(files).encode(), 0)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _check_name(path: Path, member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if not member.isreg() or name.is_absolute() or ".." in name.parts or not name.parts:
        raise DataError(f"{path}: has {member.name!r}, which no back-up of this project holds; {_DAMAGED}")


def iter_members(path: Path) -> Iterator[tuple[str, float, Content]]:
    """Yield name, time and content of each file of an archive, in their order; a content is read before the next.

    Raises:
        DataError: If it is no archive, is damaged, or holds what no back-up does.
    """
    try:
        with tarfile.open(path, mode="r|", bufsize=_BLOCK_BYTES) as tar:
            for member in tar:
                _check_name(path, member)
                content = tar.extractfile(member)
                assert content is not None  # of a regular file there is one
                yield member.name, float(member.mtime), Content(path, content)
    except (tarfile.TarError, EOFError) as error:
        raise _broken(path, error) from error


def read_head(path: Path) -> dict[str, Any]:
    """Return what an archive is of.

    Raises:
        DataError: If it is no archive of `make backup`, or one of another version.
    """
    for name, _, content in iter_members(path):
        try:
            head: dict[str, Any] = json.loads(content.read()) if name == _HEAD else {}
            found = head["format"]
        except DAMAGE:
            break
        if found != FORMAT:
            raise DataError(
                f"{path}: is an archive of version {found!r}, expected {FORMAT}; restore it with the version of this "
                "project that made it"
            )
        return head
    raise DataError(f"{path}: does not begin as an archive of `make backup`; {_DAMAGED}")


def _listed(path: Path, text: bytes) -> dict[str, Packed]:
    try:
        return {name: Packed(**facts) for name, facts in json.loads(text).items()}
    except DAMAGE as error:
        raise DataError(f"{path}: its list of files cannot be read ({error}); {_DAMAGED}") from error


def copy_hashed(content: Content | IO[bytes], to: IO[bytes] | None = None) -> tuple[int, str]:
    """Read a content to its end, and write it where it is wanted; returns its size and its xxh3-128."""
    hashed, size = xxhash.xxh3_128(), 0
    while block := content.read(_BLOCK_BYTES):
        hashed.update(block)
        size += len(block)
        if to is not None:
            to.write(block)
    return size, hashed.hexdigest()


def check_archive(path: Path) -> dict[str, Packed]:
    """Compare each file of an archive with its hash; returns the files by name.

    Raises:
        DataError: If one is missing, was changed or is too many; names it.
    """
    found: dict[str, Packed] = {}
    listed: dict[str, Packed] | None = None
    for name, written_s, content in iter_members(path):
        if name == _END:
            listed = _listed(path, content.read())
        else:
            found[name] = Packed(*copy_hashed(content), written_s)
    if listed is None:
        raise DataError(f"{path}: ends before its list of files: it was cut short; {_DAMAGED}")
    for name in sorted(found.keys() | listed.keys()):
        if found.get(name, (None,))[:2] != listed.get(name, (None,))[:2]:
            raise DataError(f"{path}: {name} in it is not the file that was backed up; {_DAMAGED}")
    return {name: packed for name, packed in found.items() if name != _HEAD}
