"""A large file on a disk, or a large object in a bucket, read by ranges which are announced before they are read.

Announced ranges are what both have in common: a disk reads ahead what it is told of, and of a bucket several requests
are under way at once. What is not announced is read all the same, later.
"""

import errno
import os
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right, insort
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

from cdiscount_tasks.artifacts.object_store import ObjectChanged, ObjectState, open_store
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.catalogue_places import ObjectPlace, Place, place_of

__all__ = [
    "ByteRanges",
    "ObjectPlace",
    "Place",
    "made_new",
    "modified_ns",
    "open_ranges",
    "place_of",
    "state_of",
]

_REQUESTS_AT_ONCE = 32
"""A request of a few kB is mostly waiting: 32 that wait 30 ms each are a thousand pictures a second."""

PIECE_BYTES = 4 << 20
"""Of a long range of an object: what one request reads. Eight fill a network of 8 Gbit/s that answers in 30 ms."""

MOST_AHEAD_BYTES = 48 << 20
"""What is announced of an object and not read yet is in memory, up to this; more is not read ahead.

A scan announces 32 MiB, and is somewhere in a piece which is held until it is read to its end. An answer that is under
way is in memory twice and more, until its body is whole."""


class ByteRanges(ABC):
    """The bytes of a file or an object that does not change meanwhile.

    Attributes:
        place: Where it is.
        size: Its bytes.
        is_remote: Whether each reading is a request that waits for a network.
        ahead_bytes: How far ahead a long range is best announced: a disk delivers more when more is asked of it.
    """

    place: Place
    size: int
    is_remote = False
    ahead_bytes = 64 << 20

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @abstractmethod
    def advise(self, start: int, stop: int) -> None:
        """Announce that the bytes in [start, stop) are read soon."""

    @abstractmethod
    def read_into(self, view: memoryview, offset: int) -> int:
        """Read bytes from an offset on; returns how many, at least one but at the end."""

    @abstractmethod
    def byte_at(self, offset: int) -> bytes:
        """Return the byte at an offset, which may be read again later; none at the end."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is announced."""

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes in [start, stop); fewer where the file ends."""
        found, num_bytes = bytearray(max(stop - start, 0)), 0
        with memoryview(found) as view:
            while start + num_bytes < stop and (more := self.read_into(view[num_bytes:], start + num_bytes)):
                num_bytes += more
        return bytes(found[:num_bytes])


class _FileRanges(ByteRanges):
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.place = path
        self.size = os.fstat(self._file.fileno()).st_size

    def advise(self, start: int, stop: int) -> None:
        """Announce to the system what is read soon, where that is possible (not on macOS)."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), start, stop - start, os.POSIX_FADV_WILLNEED)

    def read_into(self, view: memoryview, offset: int) -> int:
        self._file.seek(offset)
        return self._file.readinto(view)

    def byte_at(self, offset: int) -> bytes:
        return os.pread(self._file.fileno(), 1, offset)

    def read(self, start: int, stop: int) -> bytes:
        found = os.pread(self._file.fileno(), stop - start, start)
        while len(found) < stop - start and (
            more := os.pread(self._file.fileno(), stop - start - len(found), start + len(found))
        ):
            found += more
        return found

    def close(self) -> None:
        self._file.close()


class _Piece(NamedTuple):
    stop: int
    found: Future[bytes]


class _Askers:
    """Threads that ask for pieces. Nobody waits for them when the process ends, as for those of a pool.

    A request may be asked again for a minute and a half where the network is away.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[bytes], Callable[[], bytes]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._num_threads = 0

    def submit(self, ask: Callable[[], bytes]) -> Future[bytes]:
        """Let a thread ask, as soon as one has time."""
        found: Future[bytes] = Future()
        self._waiting.put((found, ask))
        # No more threads than requests: each keeps memory of its own.
        if not self._idle.acquire(blocking=False) and self._num_threads < _REQUESTS_AT_ONCE:
            self._num_threads += 1
            threading.Thread(target=self._work, name="ranges", daemon=True).start()
        return found

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            found, ask = one
            if found.set_running_or_notify_cancel():
                try:
                    found.set_result(ask())
                except BaseException as error:
                    found.set_exception(error)
            del one, found, ask  # a thread that waits holds no piece
            self._idle.release()

    def close(self) -> None:
        """Let the threads end when they have done what they do."""
        for _ in range(self._num_threads):
            self._waiting.put(None)


class _ObjectRanges(ByteRanges):
    is_remote = True
    ahead_bytes = 32 << 20

    def __init__(self, place: ObjectPlace, state: ObjectState) -> None:
        self.place, self.size, self._e_tag = place, state.size, state.e_tag
        self._store = open_store(place.store_url)
        self._askers = _Askers()
        self._starts: list[int] = []
        self._pieces: dict[int, _Piece] = {}
        self._ahead_bytes = 0

    def _ask(self, start: int, stop: int) -> bytes:
        (found,) = self._store.read_ranges(self.place.name, [start], [stop], self._e_tag)
        return found

    def advise(self, start: int, stop: int) -> None:
        """Ask for what is read soon, in pieces, as long as not too much waits to be read."""
        stop = min(stop, self.size)
        for first in range(start, stop, PIECE_BYTES):
            last = min(first + PIECE_BYTES, stop)
            if self._ahead_bytes + last - first > MOST_AHEAD_BYTES:
                return
            if first not in self._pieces:
                self._pieces[first] = _Piece(last, self._askers.submit(partial(self._ask, first, last)))
                insort(self._starts, first)
                self._ahead_bytes += last - first

    def _piece_at(self, offset: int) -> tuple[int | None, int]:
        """Return the start of the announced piece that has an offset, if any, and up to where nothing else begins."""
        place = bisect_right(self._starts, offset)
        after = self._starts[place] if place < len(self._starts) else self.size
        start = self._starts[place - 1] if place else None
        return (start if start is not None and offset < self._pieces[start].stop else None), after

    def _drop(self, start: int) -> None:
        self._ahead_bytes -= self._pieces.pop(start).stop - start
        self._starts.remove(start)

    def read_into(self, view: memoryview, offset: int) -> int:
        start, after = self._piece_at(offset)
        if start is None:
            stop = min(offset + len(view), after, self.size)
            found = memoryview(self._ask(offset, stop) if stop > offset else b"")
        else:
            piece = self._pieces[start]
            stop = min(offset + len(view), piece.stop)
            try:
                found = memoryview(piece.found.result())[offset - start : stop - start]
            except BaseException:
                self._drop(start)
                raise
            if stop == piece.stop:
                self._drop(start)
        view[: len(found)] = found
        return len(found)

    def byte_at(self, offset: int) -> bytes:
        start, _ = self._piece_at(offset)
        if start is not None:
            return self._pieces[start].found.result()[offset - start : offset - start + 1]
        return self._ask(offset, offset + 1) if offset < self.size else b""

    def close(self) -> None:
        for piece in self._pieces.values():
            piece.found.cancel()
        self._pieces.clear()
        self._starts.clear()
        self._askers.close()


def _object_state(place: ObjectPlace) -> ObjectState:
    store = open_store(place.store_url)
    state = store.head(place.name)
    if state is None:
        with suppress(ObjectChanged):
            store.read_ranges(place.name, [0], [1], "")  # whose refusal says whether the bucket is missing
        raise FileNotFoundError(errno.ENOENT, "no such object", place.url)
    if not state.e_tag:
        raise ConfigError(f"{place}: its bucket gives no ETag, by which a change would be seen; use one that does")
    return state


def open_ranges(place: Place) -> ByteRanges:
    """Open a file or an object for reading by ranges; of an object, all readings are of the one that is there now.

    Raises:
        FileNotFoundError: If there is none.
        ConfigError: If the bucket cannot be used.
        OSError: If it cannot be opened for now.
    """
    return _FileRanges(place) if isinstance(place, Path) else _ObjectRanges(place, _object_state(place))


def state_of(place: Place) -> dict[str, int | str]:
    """Return what shows whether a file or an object changed meanwhile: its size, with its time in ns, or its ETag."""
    if isinstance(place, Path):
        status = place.stat()
        return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    state = _object_state(place)
    return {"size": state.size, "e_tag": state.e_tag}


def made_new(place: Place) -> str:
    """Say what makes the same bytes a new file, or object, to who looks at its state."""
    return f"`touch {place}`" if isinstance(place, Path) else "write the object anew"


def modified_ns(place: Place) -> int:
    """Return when a file or an object was written, in ns since 1970, by the clock of the one that keeps it."""
    if isinstance(place, Path):
        return place.stat().st_mtime_ns
    return int(_object_state(place).modified.timestamp()) * 1_000_000_000
