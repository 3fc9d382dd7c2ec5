"""What is said of objects in a bucket, and how long their answers are waited for."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from cdiscount_tasks.errors import DataError

T = TypeVar("T")


class Waits(NamedTuple):
    """How long an answer is waited for: in all, None: as long as usual; and whether each request is cut short too."""

    patience_s: float | None = None
    is_hurried: bool = False


_AS_LONG_AS_USUAL = Waits()
_waits: ContextVar[Waits] = ContextVar("waits", default=_AS_LONG_AS_USUAL)


@contextmanager
def patience(seconds: float, *, hurried: bool = False) -> Iterator[None]:
    """Wait less for a bucket that is away, where its answer is worth less than the time.

    Args:
        seconds: After so many no request is sent again.
        hurried: Whether a person waits: a request that gets no answer is given up after seconds.
    """
    token = _waits.set(Waits(seconds, hurried))
    try:
        yield
    finally:
        _waits.reset(token)


def waits_now() -> Waits:
    """Return how long is waited here and now."""
    return _waits.get()


def in_threads(num_threads: int, name: str, call: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
    """Call something in several threads, as `map` does; they wait for a bucket as long as the caller would."""
    waits = waits_now()

    def patient(*some: Any) -> T:
        _waits.set(waits)
        return call(*some)

    with ThreadPoolExecutor(num_threads, name) as pool:
        return list(pool.map(patient, *arguments))


class ObjectChanged(DataError):  # noqa: N818 - what happened to it
    """An object is not the one any more that is being read."""


class ObjectState(NamedTuple):
    """What a bucket says of an object.

    Attributes:
        size: Bytes.
        e_tag: Differs wherever the bytes differ.
        modified: When it was written, by the bucket's clock.
    """

    size: int
    e_tag: str
    modified: datetime


class Listed(NamedTuple):
    """An object of a listing; its name is relative to the store's URL."""

    name: str
    state: ObjectState
