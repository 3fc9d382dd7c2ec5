"""What the catalogue holds at an offset, and where products begin again after damaged bytes."""

import logging
import re
import time
from collections.abc import Iterator
from typing import NamedTuple

from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.document import Broken, Product, Refused, read_any, read_product
from cdiscount_tasks.catalogue.layout import MAX_DOCUMENT_BYTES, MIN_DOCUMENT_BYTES, read_int32
from cdiscount_tasks.catalogue.usual_documents import read_usual
from cdiscount_tasks.catalogue.window import Window
from cdiscount_tasks.vocabulary import Reason

logger = logging.getLogger(__name__)

_PROGRESS_S = 5.0
_FIRST_SEARCH_BYTES = 64 << 10
# A document's length has a zero as its highest byte (at most 16 MiB), then comes the type of its first field.
_CANDIDATE = re.compile(rb"[\x00\x01](?=[\x01-\x13\x7f\xff])")
_CANDIDATE_BYTES = MIN_DOCUMENT_BYTES


class Rejected(NamedTuple):
    """Something refused; `image_number` is None for a document."""

    byte_offset: int
    byte_length: int
    product_id: int | None
    image_number: int | None
    reason: Reason
    detail: str


def _hold_document(window: Window, offset: int) -> int | Broken:
    """Hold the document at an offset of the file that the window has not given up; return its length."""
    left = window.size - offset
    if left < MIN_DOCUMENT_BYTES:
        return Broken(0, f"{left} bytes are left, fewer than any document has")
    window.hold(offset, MIN_DOCUMENT_BYTES)
    declared = read_int32(window.buffer, offset - window.base)
    if not MIN_DOCUMENT_BYTES <= declared <= MAX_DOCUMENT_BYTES:
        return Broken(declared, f"it declares {declared} bytes, expected {MIN_DOCUMENT_BYTES} to {MAX_DOCUMENT_BYTES}")
    if declared > left:
        return Broken(declared, f"it declares {declared} bytes, {left} are left")
    # A search meets false documents of up to 16 MiB: most are seen to be false without holding them.
    if window.byte_at(offset + declared - 1):
        return Broken(declared, "its last byte is not zero")
    window.hold(offset, declared)
    return declared


def read_document(window: Window, offset: int) -> Product | Refused | Broken:
    """Read whatever is at an offset of the file that the window has not given up."""
    declared = _hold_document(window, offset)
    if isinstance(declared, Broken):
        return declared
    start = offset - window.base
    usual = read_usual(window.buffer, start, declared)
    return usual or read_any(window.buffer, start, start + declared)


def _read_product(window: Window, offset: int) -> Product | None:
    """Read the product at an offset of the file that the window has not given up, if a product is there."""
    declared = _hold_document(window, offset)
    if isinstance(declared, Broken):
        return None
    start = offset - window.base
    return read_usual(window.buffer, start, declared) or read_product(window.buffer, start, start + declared)


def _candidates(window: Window, offset: int, stop: int) -> Iterator[int]:
    """Yield the offsets in [offset, stop) where a document could begin, by its length and its first field's type."""
    # Mostly the first few documents decide; only a long search looks through large pieces.
    look = min(_FIRST_SEARCH_BYTES, file_window.WINDOW_BYTES)
    logged = time.monotonic()
    while offset < stop:
        if time.monotonic() - logged > _PROGRESS_S:
            logged = time.monotonic()
            logger.info("no document at byte %d of %d yet: looking for the next product", offset, window.size)
        window.forget_before(offset)
        held = min(window.hold(offset, look), look)
        # The pattern begins at the fourth byte of a document's length.
        found = [match.start() - 3 for match in _CANDIDATE.finditer(window.buffer, 3, held)]
        base = window.base
        at_end = held < look or base + held >= window.size
        look = file_window.WINDOW_BYTES
        # What a candidate at the very end of this stretch needs to be seen may lie in the next.
        next_offset = stop if at_end else base + held - _CANDIDATE_BYTES + 1
        for place in found:
            if base + place >= min(next_offset, stop):
                break
            yield base + place
        offset = next_offset


def find_products(window: Window, offset: int, stop: int) -> int | None:
    """Return the first offset in [offset, stop) where two products in a row, or the file's last, validate."""
    for candidate in _candidates(window, offset, stop):
        first = _read_product(window, candidate)
        if first is not None:
            after = candidate + first.length
            if after == window.size or _read_product(window, after) is not None:
                return candidate
    return None


def _cut(offset: int, declared: int, size: int) -> Rejected | None:
    """Return the rejection of what is at an offset if the file ends inside it."""
    left = size - offset
    if left < MIN_DOCUMENT_BYTES:
        detail = f"the file ends inside a document: only {left} bytes of it are present; fetch or unpack it again"
    elif MIN_DOCUMENT_BYTES <= declared <= MAX_DOCUMENT_BYTES and declared > left:
        detail = f"the file ends inside this document: {declared - left} bytes are missing; fetch or unpack it again"
    else:
        return None
    return Rejected(offset, left, None, None, Reason.DOCUMENT_CUT, detail)


def rejected_bytes(window: Window, offset: int, broken: Broken, search_until: int | None = None) -> list[Rejected]:
    """Decide how far an unreadable document reaches; the last one before a cut is rejected with the cut one.

    Args:
        window: Holds the document.
        offset: Its first byte.
        broken: What was found there.
        search_until: Up to where a product is looked for; None: the end of the file. Without one before it, the
            document reaches that far.
    """
    declared, size = broken.declared_length, window.size
    end = offset + declared
    alone = Rejected(offset, declared, None, None, Reason.DOCUMENT_UNREADABLE, broken.detail)
    following: Product | Refused | Broken | None = None
    if MIN_DOCUMENT_BYTES <= declared <= MAX_DOCUMENT_BYTES and end <= size:
        following = read_document(window, end) if end < size else None
        if not isinstance(following, Broken):
            return [alone]
    until = size if search_until is None else min(search_until, size)
    found = find_products(window, offset + 1, until)
    if found is None:
        if cut := _cut(offset, declared, size):
            return [cut]
        if isinstance(following, Broken) and (cut := _cut(end, following.declared_length, size)):
            return [alone, cut]
    until = until if found is None else found
    follows = "no product follows" if found is None else "what follows was found by a search"
    detail = f"{broken.detail}; after_damage: {follows}"
    return [Rejected(offset, until - offset, None, None, Reason.DOCUMENT_UNREADABLE, detail)]
