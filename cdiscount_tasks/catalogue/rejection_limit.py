"""When a scan may stop: so much was rejected that the catalogue will be refused, whatever the rest of it holds."""

from collections import Counter
from collections.abc import Sequence

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.catalogue.damage import Rejected
from cdiscount_tasks.catalogue.layout import MAX_DOCUMENT_BYTES
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.vocabulary import Reason

_MIN_PRODUCT_BYTES = 47
"""A product with one empty picture and no category."""

_NUM_SHOWN = 3


class RejectionLimit:
    """Counts what a scan rejects, and ends it once the largest share is exceeded for certain."""

    def __init__(self, path: Place, size: int, start: int, most: float, *, begins_at_start: bool) -> None:
        """Count from nothing.

        Args:
            path: The catalogue.
            size: Its bytes.
            start: Where the scan begins.
            most: The largest share of documents, and of bytes, that may be rejected.
            begins_at_start: Whether a document is known to begin there. A scan that guessed may be inside a picture
                that holds BSON, and rejects bytes that are not the catalogue's: two documents at most.
        """
        self._path, self._size, self._start, self._most = path, size, start, most
        self._num_guessed_bytes = 0 if begins_at_start else 2 * MAX_DOCUMENT_BYTES
        self._reasons: Counter[Reason] = Counter()
        self._num_bytes = self._num_unreadable = 0
        self._first: list[Rejected] = []

    @property
    def num_bytes_left(self) -> int:
        """How many more bytes may be no documents; at least as many as the largest document has."""
        most = int(self._most * self._size) + self._num_guessed_bytes
        return max(most - self._num_unreadable + 1, MAX_DOCUMENT_BYTES)

    def check(self, rejected: Sequence[Rejected], num_documents: int) -> None:
        """Count documents that were rejected.

        Args:
            rejected: Documents, one after another, up to where the scan is.
            num_documents: All that the scan has read so far.

        Raises:
            DataError: If too much was rejected, and the file does not just end inside a document.
        """
        if len(self._first) < _NUM_SHOWN:
            self._first = [*self._first, *rejected][:_NUM_SHOWN]
        for row in rejected:
            self._reasons[row.reason] += 1
            self._num_bytes += row.byte_length
            self._num_unreadable += row.byte_length * (row.reason == Reason.DOCUMENT_UNREADABLE)
        if self._num_bytes <= self._num_guessed_bytes or rejected[-1].reason == Reason.DOCUMENT_CUT:
            return
        end = rejected[-1].byte_offset + rejected[-1].byte_length
        num_at_best = num_documents + (self._start + self._size - end) // _MIN_PRODUCT_BYTES
        if self._num_unreadable - self._num_guessed_bytes > self._most * self._size:
            raise self._refused(f"{self._num_unreadable} of {self._size} bytes are no documents", end)
        num_rejected = self._reasons.total()
        if num_rejected - self._num_guessed_bytes // 5 > self._most * num_at_best:
            raise self._refused(f"{num_rejected} of {num_documents} documents were rejected", end)

    def _refused(self, found: str, end: int) -> DataError:
        first = "; ".join(f"document at byte {row.byte_offset}: {row.reason}, {row.detail}" for row in self._first)
        why = ", ".join(f"{reason} {count}" for reason, count in self._reasons.most_common())
        return DataError(
            f"{self._path}: the scan was stopped at byte {end} of {self._size}: {found} so far ({why}), expected at "
            f"most {self._most:.2%} in the end, whatever follows. First: {first}. The file is damaged or no catalogue: "
            "compare its size with the source, or raise CDISCOUNT_MAX_REJECTED_SHARE"
        )
