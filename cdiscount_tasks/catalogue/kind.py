"""What a file is that was given as the catalogue: something else (an archive, a page, a pointer), or a drawn one."""

import itertools
import re
import shlex
import tarfile
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.byte_ranges import ByteRanges, Place, open_ranges
from cdiscount_tasks.catalogue.document import Broken, read_any
from cdiscount_tasks.catalogue.file import catalogue_faults_told
from cdiscount_tasks.catalogue.jpeg_header import has_comment
from cdiscount_tasks.catalogue.layout import MAX_DOCUMENT_BYTES, MIN_DOCUMENT_BYTES, read_int32
from cdiscount_tasks.vocabulary import DRAWN_COMMENT

_HEAD_BYTES = 1024
_LEAST_TEXT_BYTES = 32
"""Fewer printable bytes may be the beginning of anything."""

_SET_IT = "set CDISCOUNT_CATALOGUE to the file that comes out"


def _unpacked_by(command: str) -> str:
    """Return the advice to unpack by a command that writes to its output: it must not matter how FILE is called."""
    return f"`{command} > OTHER` unpacks it; {_SET_IT}"


_NAME_IT = "set CDISCOUNT_CATALOGUE to train.bson itself"
_FETCH = "fetch the catalogue itself"


class _Kind(NamedTuple):
    """How a kind of file begins, what it is called, and what to do with it."""

    begins: re.Pattern[bytes]
    name: str
    way_out: str


def _kind(begins: bytes, name: str, way_out: str) -> _Kind:
    return _Kind(re.compile(begins, re.DOTALL), name, way_out)


_TEXT_START = rb"(?:\xef\xbb\xbf)?\s*"
_KINDS = (
    _kind(rb"\x1f\x8b\x08", "a gzip file", _unpacked_by("gunzip -c FILE")),
    _kind(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a zip archive", _unpacked_by("unzip -p FILE '*.bson'")),
    _kind(rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _unpacked_by("7z x -so FILE")),
    _kind(rb"\xfd7zXZ\x00", "an xz file", _unpacked_by("xz -dc FILE")),
    _kind(rb"LZIP[\x00\x01]", "an lzip file", _unpacked_by("lzip -dc FILE")),
    _kind(rb"\x5d\x00\x00.{10}\x00", "an lzma file", _unpacked_by("xz --format=lzma -dc FILE")),
    _kind(rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)", "a zstd file", _unpacked_by("zstd -dc FILE")),
    _kind(rb"(?:\x04\x22\x4d\x18|\x02\x21\x4c\x18)", "an lz4 file", _unpacked_by("lz4 -dc FILE")),
    _kind(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)", "a bzip2 file",
          _unpacked_by("bunzip2 -c FILE")),
    _kind(rb"\x1f\x9d[\x80-\x90]", "a file of `compress`", _unpacked_by("gunzip -c FILE")),
    _kind(rb"Rar!\x1a\x07", "a rar archive", _unpacked_by("unrar p -inul FILE")),
    _kind(rb"(?:MSCF|!<arch>\n|xar!|070707|070701|\xff\x06\x00\x00sNaPpY)", "an archive", f"unpack it, and {_SET_IT}"),
    _kind(rb"\x6d\xe2\x99\x81", "an archive of `mongodump --archive`",
          "dump it again without --archive, and set CDISCOUNT_CATALOGUE to the .bson file of the collection"),
    _kind(rb"PAR1", "a Parquet file", f"the catalogue is BSON: {_NAME_IT}"),
    _kind(rb"(?:ARROW1|\xff\xff\xff\xff.{3}\x00\x10\x00\x00\x00)", "an Arrow file",
          f"the catalogue is BSON: {_NAME_IT}"),
    _kind(rb"(?:Obj\x01|ORC|SQLite format 3\x00|\x89HDF\r\n|\x93NUMPY|CDF[\x01\x02\x05]|\x80[\x02-\x05][\x95c}\]])",
          "a data file of a different format", f"the catalogue is BSON: {_NAME_IT}"),
    _kind(rb"(?:\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF.{4}WEBP)", "a picture",
          f"the catalogue is a BSON file of many pictures: {_NAME_IT}"),
    _kind(rb"%PDF-", "a PDF", f"the catalogue is BSON: {_NAME_IT}"),
    _kind(_TEXT_START + rb"(?:\d{3}\b|(?i:not found|access denied|forbidden|unauthorized|error))",
          "the answer to a failed download", _FETCH),
    _kind(rb"version https://(?:git-lfs|hawser)[^\n]*/spec/", "a pointer of Git LFS",
          "`git lfs pull` fetches the file that it points to"),
    _kind(rb"(?:\.\./)*(?:\.git)?/annex/objects/", "a pointer of git-annex",
          "`git annex get FILE` fetches the file that it points to"),
    _kind(_TEXT_START + rb"<(?:[!?a-zA-Z])", "an HTML or XML page",
          f"a download probably ended in a page (a sign-in, an error): open it in a browser, then {_FETCH}"),
    _kind(_TEXT_START + rb"[{\[]\s*(?:[\"{\[}\]]|-?\d|$)", "JSON",
          "the catalogue is BSON: dump it with mongodump rather than mongoexport, or "
          f"{_NAME_IT}; where it is the answer to a failed download, {_FETCH}"),
)  # fmt: skip
"""What people give in place of a BSON file, by how it begins."""

_MOST_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def _is_tar(head: bytes) -> bool:
    """Tell whether a file begins with the header of a tar archive, whose checksum also the oldest ones have."""
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) > 3:
        return head[2] == 0 or head[3] == 0
    return len(head) >= _LEAST_TEXT_BYTES and not _MOST_CONTROL.search(head)


def _begins_with_a_document(file: ByteRanges, head: bytes) -> bool:
    """Tell whether the file begins with BSON after all: a document's length may be any number."""
    if len(head) < MIN_DOCUMENT_BYTES:
        return False
    length = read_int32(head, 0)
    if not MIN_DOCUMENT_BYTES <= length <= MAX_DOCUMENT_BYTES:
        return False
    data = file.read(0, length)
    return len(data) == length and not isinstance(read_any(data), Broken)


def _with_names(way_out: str, path: Place) -> str:
    """Put the file's name, as a shell takes it, into an advice, and the name of a new file that does not exist yet."""
    name = f"./{path.name}" if path.name.startswith("-") or ":" in path.name else path.name
    numbers = itertools.count(2)
    folder, other = path.parent if isinstance(path, Path) else Path(), "unpacked.bson"
    while (folder / other).exists() or other == path.name:
        other = f"unpacked{next(numbers)}.bson"
    names = {"FILE": shlex.quote(name), "OTHER": other}
    first = "" if isinstance(path, Path) or "FILE" not in way_out else "on a disk, "
    return first + re.sub("FILE|OTHER", lambda word: names[word[0]], way_out)


def reason_no_catalogue(path: Place) -> str | None:
    """Say in a sentence what a file is that is not a catalogue, and what to do; None: it may be one.

    Raises:
        DataError: If it cannot be read.
    """
    with catalogue_faults_told(path), open_ranges(path) as file:
        head = file.read(0, _HEAD_BYTES)
        found = next(((kind.name, kind.way_out) for kind in _KINDS if kind.begins.match(head)), None)
        if found is None and _is_tar(head):
            found = "a tar archive", _unpacked_by("tar -xOf FILE")
        if found is None and _is_text(head):
            found = "text", f"the catalogue is BSON: {_NAME_IT}"
        if found is None or _begins_with_a_document(file, head):
            return None
    name, way_out = found
    return f"{path}: is {name}, not a catalogue; {_with_names(way_out, path)}"


def is_drawn(path: Place, first_image: tuple[int, int] | None) -> bool:
    """Return whether a catalogue's first picture says that the demo drew it: it stays true wherever the file goes.

    Args:
        path: The BSON file.
        first_image: Where the picture is in it, and its length; None: it has none.
    """
    if first_image is None:
        return False
    offset, length = first_image
    with catalogue_faults_told(path), open_ranges(path) as file:
        return has_comment(file.read(offset, offset + length), DRAWN_COMMENT)
