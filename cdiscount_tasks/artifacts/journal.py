"""Files of records, one line each, that are only ever appended to: nothing in them is rewritten.

A record counts once its line end is on the disk. A line that a kill cut short never counted: readers pass over it, and
whoever appends next ends it with a mark, by which it differs from a line that was damaged later.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from cdiscount_tasks.artifacts.documents import Overtaken, pull, read_known, swap
from cdiscount_tasks.artifacts.files import _sync
from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.json_files import DAMAGE, NO_SUCH_FILE, json_text
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import address_of, in_bucket, way_back

logger = logging.getLogger(__name__)

_HASH = "self_hash"
CUT_MARK = b" <- cut short, never counted"
"""At the end of a line. A line that was written whole ends with a brace."""
AGAIN_MARK = b" <- cut later, written again below"
"""At the end of a line that had counted, was cut, and was known from elsewhere."""


class Line(NamedTuple):
    """A record with its place: `number` counts the file's lines from 1."""

    number: int
    record: dict[str, Any]


def with_hash(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as JSON holds it, with its own hash: a byte that changes later is found."""
    plain = json.loads(json_text(dict(record), indent=None))
    return {**plain, _HASH: hash_json(plain)}


def read_record(text: bytes) -> dict[str, Any]:
    """Read a record: a line of a journal, or the same record in a file of its own.

    Raises:
        ValueError: If it is not what was written.
    """
    try:
        record = json.loads(text.decode("utf-8"))
        found = record.pop(_HASH)
        expected = hash_json(record)
    except DAMAGE as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if found != expected:
        raise ValueError(f"its hash is {found}, expected {expected}")
    return cast(dict[str, Any], record)


def _split(path: Path) -> tuple[list[bytes], bytes]:
    """Return a file's lines, and what is behind the last line end."""
    try:
        *lines, rest = path.read_bytes().split(b"\n")
    except NO_SUCH_FILE:
        return [], b""
    return lines, rest


def read_journal(path: Path) -> list[Line]:
    """Read the records of a file; none where there is no file.

    Raises:
        DataError: If a line is damaged; names the file and the line.
        OSError: If it cannot be read for now.
    """
    pull(path)
    lines, rest = _split(path)
    records = []
    for number, line in enumerate(lines, start=1):
        if line.endswith((CUT_MARK, AGAIN_MARK)):
            continue
        try:
            records.append(Line(number, read_record(line)))
        except ValueError as error:
            raise DataError(
                f"{address_of(path)}: line {number} cannot be read ({error}), expected a record as it was written; it "
                f"was damaged later: {way_back(path)}"
            ) from error
    if rest:
        logger.warning("%s: its last line is cut short (its writer died, or is at it): left out", path)
    return records


def _append_in_bucket(path: Path, line: bytes, mark: bytes, num_records: int | None) -> None:
    """Write a file anew with a line more, unless another machine has written it since it was read."""
    data, known = read_known(path)
    *lines, rest = data.split(b"\n")
    if num_records not in (None, sum(not line.endswith((CUT_MARK, AGAIN_MARK)) for line in lines)):
        raise Overtaken(str(path))
    swap(path, data + (mark + b"\n" if rest else b"") + line, known)


def append_record(
    path: Path, record: Mapping[str, Any], mark: bytes = CUT_MARK, *, num_records: int | None = None
) -> None:
    """Append a record and sync it; whoever may append at the same time holds a lock.

    Args:
        path: The file; its folder exists.
        record: What JSON can hold.
        mark: Ends what is there of a line that was cut.
        num_records: That the file was found to have; None: it does not matter.

    Raises:
        OSError: If it cannot be written; what is there of the line then does not count.
        Overtaken: If another machine, which no lock keeps out, has appended since; nothing was written.
    """
    line = json_text(with_hash(record), indent=None).encode()
    if in_bucket(path) is not None:
        _append_in_bucket(path, line, mark, num_records)
        return
    is_new = not path.exists()
    _, rest = _split(path)
    left = (mark + b"\n" if rest else b"") + line
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:  # and its folders may be: in all, or a power cut takes a file that was confirmed
        for folder in path.parents[:3]:
            _sync(folder)
