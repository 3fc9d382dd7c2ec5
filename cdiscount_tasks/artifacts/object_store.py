"""Objects in a bucket: read by ranges, written whole, created once, swapped by their ETag.

obstore is imported when a bucket is opened, so that nobody needs it (or waits for it) who has none. It is not safe
after a fork: its threads stay behind. A process that was forked from one that had used a bucket is refused.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from cdiscount_tasks.artifacts.store_client import (
    check_not_forked,
    condition_of,
    e_tag_in,
    is_of_obstore,
    open_client,
    tag_of,
    unmet_conditions,
)
from cdiscount_tasks.artifacts.store_conditions import ConditionalWrite, bytes_of
from cdiscount_tasks.artifacts.store_faults import StoreAway, is_for_now, refuse, refuse_missing_bucket, short_fault
from cdiscount_tasks.artifacts.store_types import Listed, ObjectChanged, ObjectState, in_threads, patience, waits_now
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import checked_url, is_url

__all__ = ["Listed", "ObjectChanged", "ObjectState", "ObjectStore", "in_threads", "is_url", "open_store", "patience"]

logger = logging.getLogger(__name__)

WAIT_S = 90.0
"""A network that is away, or a server that says 500 or 503, is asked again for so long."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
PIECE_BYTES = 8 << 20
"""Of a large object: what one request reads or writes."""
PIECES_AT_ONCE = 4
_MOST_PIECES = 9_000  # S3 takes 10,000
_ALL_BYTES = 1 << 62

T = TypeVar("T")


class ObjectStore:
    """A bucket, below a prefix. Names are relative to it, with `/` between their parts; pickled as its URL.

    Every method waits for a network or a server that is away (`WAIT_S`).

    Raises:
        ConfigError: If there is no such bucket, no right to it, no credentials, or it is in another region.
        StoreAway: An OSError: if it does not answer for now.
    """

    def __init__(self, url: str) -> None:
        """Open nothing yet; `open_store` gives the one of this process."""
        self.url = url
        self._clients: dict[tuple[bool, bool], Any] = {}

    def __repr__(self) -> str:
        """Name the URL, never a secret."""
        return f"ObjectStore({self.url!r})"

    def __reduce__(self) -> tuple[Callable[[str], "ObjectStore"], tuple[str]]:
        """Travel as the URL: the other process opens it with its own settings."""
        return open_store, (self.url,)

    def address(self, name: str) -> str:
        """Return an object's URL, for people."""
        return f"{self.url}/{name}"

    def _client(self, *, retries: bool = True) -> Any:
        check_not_forked(self.url)
        hurried = waits_now().is_hurried
        if (kind := (retries, hurried)) not in self._clients:
            self._clients[kind] = open_client(self.url, 3 if retries and not hurried else 0, hurried=hurried)
        return self._clients[kind]

    def _asked(self, name: str, ask: Callable[[], T]) -> T:
        """Ask until there is an answer, or it is clear that none comes."""
        patience_s = waits_now().patience_s
        end, wait_s = time.monotonic() + (WAIT_S if patience_s is None else patience_s), _FIRST_WAIT_S
        while True:
            try:
                return ask()
            except FileNotFoundError as error:
                refuse_missing_bucket(self.url, str(error))
                raise
            except Exception as error:
                if not _is_obstore(error) or isinstance(error, unmet_conditions()):
                    raise
                text = str(error)
                if not is_for_now(text) or time.monotonic() + wait_s > end:
                    refuse(self.url, name, text)
                logger.warning("%s: %s; asked again in %.1f s", self.address(name), short_fault(text), wait_s)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def head(self, name: str) -> ObjectState | None:
        """Return an object's state; None: there is no such object."""
        try:
            return _state(self._asked(name, lambda: self._client().head(name)))
        except FileNotFoundError:
            return None
        except ConfigError:  # the answer to a HEAD has no body, which would say why: a GET is refused in words
            self._asked(name, lambda: self._client().get(name, options={"range": (0, 1)}))
            return _state(self._asked(name, lambda: self._client().head(name)))

    def read(self, name: str, known: str | None = None) -> tuple[bytes, str] | None:
        """Return a small object's bytes and its ETag; None: there is no such object.

        Args:
            name: The object.
            known: An ETag. Where the object still has it, its bytes are not sent: b"" is returned with it.
        """
        from obstore.exceptions import NotModifiedError

        # As a range: its answer says how many bytes the object has beside how many the body has.
        options = {"range": (0, _ALL_BYTES), **({"if_none_match": e_tag_in(known)} if known else {})}

        def ask() -> tuple[bytes, str]:
            try:
                found = self._client().get(name, options=options)
                return _whole_body(found, 0, int(found.meta["size"])), tag_of(self.url, found.meta)
            except Exception as error:
                if (state := self._state_if_beyond(name, error)) is None or state.size > 0:
                    raise
                return b"", tag_of(self.url, self._client().head(name))

        try:
            return self._asked(name, ask)
        except FileNotFoundError:
            return None
        except NotModifiedError:
            return b"", known or ""

    def _state_if_beyond(self, name: str, error: Exception) -> ObjectState | None:
        """Return an object's state where a fault says that a range lies beyond its end; None: it says something else.

        That may not be so: an answer whose length is wrong lets obstore ask for what follows the last byte.

        Raises:
            FileNotFoundError: If it is gone.
        """
        if not _is_obstore(error) or "status code: 416" not in str(error):
            return None
        state = self.head(name)
        if state is None:
            raise FileNotFoundError(name) from error
        return state

    def read_ranges(self, name: str, starts: Sequence[int], ends: Sequence[int], e_tag: str | None) -> list[bytes]:
        """Read ranges of an object, several requests at once.

        Args:
            name: The object.
            starts: First bytes.
            ends: Behind the last bytes, each above its start.
            e_tag: Of the object that is meant; None: its name holds its hash.

        Raises:
            ObjectChanged: If it is another one by now, is gone, or ends before a range does.
        """
        if len(starts) == 1:
            return [self._range(name, starts[0], ends[0], e_tag)]
        return in_threads(PIECES_AT_ONCE, "ranges", partial(self._range, name, e_tag=e_tag), starts, ends)

    def _range(self, name: str, start: int, end: int, e_tag: str | None) -> bytes:
        from obstore.exceptions import PreconditionError

        options = {"range": (start, end), **({"if_match": e_tag_in(e_tag)} if e_tag else {})}

        def ask() -> bytes:
            try:
                found = self._client().get(name, options=options)
                size, body = int(found.meta["size"]), found
            except Exception as error:
                if (state := self._state_if_beyond(name, error)) is None or state.size >= end:
                    raise
                size, body = state.size, None
            if size < end:
                raise ObjectChanged(f"{_changed(self.address(name))} (it ends before byte {end})")
            return _whole_body(body, start, end)

        try:
            return self._asked(name, ask)
        except (PreconditionError, FileNotFoundError) as error:
            raise ObjectChanged(_changed(self.address(name))) from error

    def put(self, name: str, content: bytes | Path) -> str:
        """Write an object, over one that is there; a large file in pieces, never whole in memory.

        Returns:
            Its ETag.
        """
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        piece = max(PIECE_BYTES, size // _MOST_PIECES + 1)
        options = {"chunk_size": piece, "max_concurrency": PIECES_AT_ONCE}

        def ask() -> Any:
            try:
                return self._client().put(name, content, **options)
            except FileNotFoundError as error:
                refuse_missing_bucket(self.url, str(error))
                # Its pieces were joined, but the answer was lost: they are no upload any more.
                raise StoreAway("the answer to the end of an upload was lost") from error

        return tag_of(self.url, self._asked(name, ask))

    def create(self, name: str, content: bytes | Path) -> bool:
        """Write an object unless there is one; False: there is one already, which is not from this call.

        Args:
            name: The object.
            content: At most `store_conditions.MOST_CREATED_BYTES`.
        """
        return self._conditional(name, content, "create") is not None

    def swap(self, name: str, content: bytes, e_tag: str | None) -> str | None:
        """Write an object in the place of the one with this ETag (None: of no object).

        Args:
            name: The object.
            content: At most `store_conditions.MOST_CREATED_BYTES`.
            e_tag: As `read`, `put` or `swap` returned it (`store_client.tag_of`).

        Returns:
            The new ETag; None: somebody else was quicker.
        """
        return self._conditional(name, content, "create" if e_tag is None else condition_of(e_tag))

    def _conditional(self, name: str, content: bytes | Path, mode: Any) -> str | None:
        """Write where a condition holds. A fault may hide that it was written: then what is there is looked at."""
        data, client = bytes_of(name, content), partial(self._client, retries=False)
        write = ConditionalWrite(self.url, lambda: client().put(name, data, mode=mode, use_multipart=False))
        written = self._asked(name, write.try_once)
        if written is None and write.may_be_written and (found := self.read(name)) is not None and found[0] == data:
            return found[1]
        return written

    def fetch(self, name: str, path: Path, size: int, e_tag: str | None = None) -> None:
        """Write an object to a file, in pieces, at most PIECES_AT_ONCE of PIECE_BYTES in memory.

        Args:
            name: The object.
            path: The file; written anew.
            size: Of the object.
            e_tag: Of the object that is meant; None: its name holds its hash.

        Raises:
            ObjectChanged: If it is gone, shorter, or not the one that is meant.
        """
        starts = range(0, size, PIECE_BYTES)
        with path.open("wb") as file:
            for first in range(0, len(starts), PIECES_AT_ONCE):
                some = starts[first : first + PIECES_AT_ONCE]
                for piece in self.read_ranges(name, some, [min(s + PIECE_BYTES, size) for s in some], e_tag):
                    file.write(piece)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield the objects whose names begin with a folder's name (with no `/` at its end), or all."""
        found = self._asked(prefix, lambda: [m for block in self._client().list(prefix or None) for m in block])
        yield from (Listed(meta["path"], _state(meta)) for meta in found)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; one that is not there is no fault."""
        if wanted := list(names):
            with contextlib.suppress(FileNotFoundError):
                self._asked(wanted[0], lambda: self._client().delete(wanted))


def _is_obstore(error: BaseException) -> bool:
    return isinstance(error, StoreAway) or is_of_obstore(error)


def _whole_body(found: Any, start: int, end: int) -> bytes:
    """Return the body of an answer, which may have been cut on its way."""
    body = bytes(found.bytes())
    if len(body) != end - start:
        raise StoreAway(f"the body of an answer has {len(body):,} bytes, expected {end - start:,}")
    return body


def _changed(address: str) -> str:
    return f"{address}: the object changed while it was read; run again, so that it is read anew"


def _state(meta: Any) -> ObjectState:
    return ObjectState(int(meta["size"]), meta["e_tag"] or "", meta["last_modified"])


@cache
def open_store(url: str) -> ObjectStore:
    """Return the store of a URL such as `s3://bucket/prefix`, one a process; asks nothing yet.

    Raises:
        ConfigError: If the text is no such URL.
    """
    return ObjectStore(checked_url(url, "the place of the bucket"))
