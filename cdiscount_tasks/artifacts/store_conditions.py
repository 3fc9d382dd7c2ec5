"""Writing an object on a condition: where a fault has hidden the answer, what is there now says who wrote it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.store_client import tag_of
from cdiscount_tasks.artifacts.store_faults import StoreAway

MOST_CREATED_BYTES = 64 << 20
"""Created or swapped in one request, from memory. Larger objects are put under a name that holds their hash."""


def bytes_of(name: str, content: bytes | Path) -> bytes:
    """Return what is to be written to an object.

    Raises:
        ValueError: If that is more than MOST_CREATED_BYTES.
    """
    data = content.read_bytes() if isinstance(content, Path) else content
    if len(data) > MOST_CREATED_BYTES:
        raise ValueError(f"{name} has {len(data):,} bytes, at most {MOST_CREATED_BYTES:,} are written on a condition")
    return data


class ConditionalWrite:
    """One write on a condition, which is tried until there is an answer.

    Attributes:
        may_be_written: Whether a try ended in a fault, behind which the object may have been written.
    """

    def __init__(self, url: str, put: Callable[[], Any]) -> None:
        """Take the store's URL, and what sends the request once and returns what the bucket says of the object."""
        self._url, self._put = url, put
        self.may_be_written = False

    def try_once(self) -> str | None:
        """Return the new object's tag; None: the condition does not hold."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            return tag_of(self._url, self._put())
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            if " 409 " in str(error):  # two at the same moment: S3 asks to try again
                raise StoreAway(str(error)) from error
            if isinstance(error, FileNotFoundError):
                raise
            return None
        except Exception:
            self.may_be_written = True
            raise
