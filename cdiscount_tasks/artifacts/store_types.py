"""What is said of objects in a bucket, and how long their answers are waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import NamedTuple

from cdiscount_tasks.errors import DataError

_patience_s: ContextVar[float | None] = ContextVar("patience", default=None)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Wait less for a bucket that is away, where its answer is worth less than the time."""
    token = _patience_s.set(seconds)
    try:
        yield
    finally:
        _patience_s.reset(token)


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


def patience_s_now() -> float | None:
    """Return how long the caller wants to wait; None: as long as usual."""
    return _patience_s.get()
