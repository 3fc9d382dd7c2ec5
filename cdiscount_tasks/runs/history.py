"""The files of a sample's registry: history.jsonl, which is the truth, champion.json, its last word, and last.json.

A change of champion is a line of history first; then champion.json, which holds the same record, is replaced whole.
Whoever opens the registry after a process died between the two finishes it. last.json repeats the last line, so that
one which is cut later is told from one that a dying process never finished. Order is by number, never by clock.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import Overtaken, change_document, pull
from cdiscount_tasks.artifacts.journal import AGAIN_MARK, append_record, read_journal, read_record, with_hash
from cdiscount_tasks.artifacts.json_files import NO_SUCH_FILE, json_text
from cdiscount_tasks.artifacts.locks import lock, lock_if_free
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs.decisions import Decision, Entry, Look, Promotion, RollBack, entry_of, last_promotion
from cdiscount_tasks.settings.places import address_of, in_bucket, way_back
from cdiscount_tasks.settings.sentences import in_short

logger = logging.getLogger(__name__)

HISTORY, CHAMPION, LAST = "history.jsonl", "champion.json", "last.json"
_LOCK = ".lock"

T = TypeVar("T")
EntryT = TypeVar("EntryT", Look, Decision, RollBack)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read_entries(folder: Path) -> list[Entry]:
    """Read the lines of a history.

    Raises:
        DataError: If one is damaged, of another version, or not numbered as its place says; names file and line.
    """
    path = folder / HISTORY
    entries: list[Entry] = []
    for line in read_journal(path):
        where = f"{address_of(path)}: line {line.number}"
        try:
            entry = entry_of(line.record)
        except ValidationError as error:
            raise DataError(f"{where} is of another version ({error.errors()[0]['msg']}): use the newer one") from error
        if entry.number != len(entries) + 1:
            raise DataError(
                f"{where} has number {entry.number}, expected {len(entries) + 1}: a line was removed, added or written "
                f"twice; {way_back(path)}"
            )
        entries.append(entry)
    return entries


def _read_beside(folder: Path, name: str) -> Entry | None:
    """Read champion.json or last.json; None: it is missing or damaged, and is written again from history."""
    path = folder / name
    pull(path)
    try:
        return entry_of(read_record(path.read_bytes()))
    except NO_SUCH_FILE:
        return None
    except ValueError as error:
        logger.warning("%s: cannot be read (%s); history is used", path, error)
        return None


def read_champion_file(folder: Path) -> Entry | None:
    """Read champion.json; None: it is missing or damaged, and is written again from history."""
    return _read_beside(folder, CHAMPION)


class _Found(NamedTuple):
    """What the files say.

    Attributes:
        entries: All lines.
        lost: The last of them, where a file beside history has it and history does not.
        unfinished: What made the champion, where champion.json says something else.
        is_behind: Whether last.json says something else than the last line, as of an older version, which had none.
    """

    entries: list[Entry]
    lost: Entry | None
    unfinished: Promotion | None
    is_behind: bool

    @property
    def is_settled(self) -> bool:
        """Tell whether all files say the same."""
        return self.lost is None and self.unfinished is None and not self.is_behind


def _find(folder: Path) -> _Found:
    """Read all files, history last: what is written meanwhile is in history before it is anywhere else.

    Raises:
        DataError: If history lacks more than its last line, which a file beside it would have.
    """
    pointer, last = read_champion_file(folder), _read_beside(folder, LAST)
    beside = [(LAST, last), (CHAMPION, pointer)]
    entries, lost = _read_entries(folder), None
    for name, entry in beside:
        if entry is None or entry.number <= len(entries):
            continue
        if entry.number > len(entries) + 1:
            raise DataError(
                f"{address_of(folder / HISTORY)}: ends with number {len(entries)}, but {name} beside it has number "
                f"{entry.number}: lines are missing; {way_back(folder / HISTORY)}"
            )
        lost = entry
        entries.append(entry)
    promotion = last_promotion(entries)
    is_behind = bool(entries) and last != entries[-1]
    return _Found(entries, lost, promotion if promotion != pointer else None, is_behind)


def _settle(folder: Path) -> list[Entry]:
    """Finish what a process that died has begun; the caller holds the lock."""
    found = _find(folder)
    if found.lost is not None:
        logger.warning(
            "%s: lacks its last line, number %d, which was recorded and is known from a file beside it: written again",
            folder / HISTORY,
            found.lost.number,
        )
        lost = found.lost.model_dump(mode="json")
        append_record(folder / HISTORY, lost, AGAIN_MARK, num_records=len(found.entries) - 1)
    if found.unfinished is not None:
        write_champion_file(folder, found.unfinished)
    if found.is_behind:
        _write_beside(folder, LAST, found.entries[-1])
    return found.entries


def _write_beside(folder: Path, name: str, entry: Entry) -> None:
    """Write champion.json or last.json, unless another machine, which no lock keeps out, has written a later line."""
    path, text = folder / name, json_text(with_hash(entry.model_dump(mode="json")))

    def newer() -> bytes:
        found = _read_beside(folder, name) if in_bucket(path) is not None else None
        return path.read_bytes() if found is not None and found.number > entry.number else text.encode()

    change_document(path, newer)


def write_champion_file(folder: Path, entry: Entry) -> None:
    """Replace champion.json whole; the caller holds the lock."""
    _write_beside(folder, CHAMPION, entry)


def read_history(folder: Path) -> list[Entry]:
    """Read a history, and finish what a process that died has begun where this user may write.

    Raises:
        DataError: If a line is damaged or missing.
        OSError: If a file cannot be read for now.
    """
    found = _find(folder)
    if not found.is_settled:
        with contextlib.suppress(OSError, ConfigError, Overtaken), lock_if_free(folder / _LOCK) as is_held:
            if is_held:  # else whoever holds it is about to finish
                return _settle(folder)
    return found.entries


@contextmanager
def writing(folder: Path) -> Iterator[list[Entry]]:
    """Hold a registry, with nothing left unfinished, against the processes of this machine; gives its lines.

    Raises:
        ConfigError: If the disk is full, the folder cannot be written, or its file system has no locks.
        DataError: If a line is damaged or missing.
        Overtaken: If another machine writes at the same moment.
    """
    with disk_faults_told(folder), lock(folder / _LOCK, f"the registry of {folder.name}"):
        yield _settle(folder)


def write(folder: Path, change: Callable[[list[Entry]], T]) -> T:
    """Change a registry: on a disk the lock keeps everybody else out; in a bucket, the one who is quicker decides.

    Args:
        folder: Of the registry.
        change: Called with its lines, with nothing left unfinished; may `append` one. Called again, with the lines of
            then, where another machine has written since: it must decide anew.

    Returns:
        What `change` returns.

    Raises:
        ConfigError: If the disk is full, the folder cannot be written, or its file system has no locks.
        DataError: If a line is damaged or missing.
    """
    while True:
        try:
            with writing(folder) as entries:
                return change(entries)
        except Overtaken:
            logger.info("the registry of %s was written by another machine at this moment: read again", folder.name)


def append(folder: Path, entries: list[Entry], kind: type[EntryT], **facts: Any) -> EntryT:
    """Append a line; the caller is called by `write`, and got the lines from it.

    Raises:
        ConfigError: If a fact cannot be written down.
        Overtaken: If another machine has appended one since; `write` calls again.
    """
    try:
        entry = kind(number=len(entries) + 1, at=_now(), **facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{where} is {in_short(first['input'])}: {first['msg']}; change it and try again") from error
    append_record(folder / HISTORY, entry.model_dump(mode="json"), num_records=len(entries))
    entries.append(entry)
    _write_beside(folder, LAST, entry)
    return entry
