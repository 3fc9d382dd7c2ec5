"""A byte range of the catalogue, read once: its products, pictures and rejected bytes, and the hashes of its blocks.

A range begins at the first place where two products in a row validate. That guess can be fooled by a picture that
holds BSON, so whoever joins ranges must check that each begins where the one before ended, and scan again what does
not. What a scan finds from a given offset on never depends on where its range stops: joined ranges equal one scan.
"""

from __future__ import annotations  # array[int] cannot be evaluated by Python 3.11

import logging
import os
import re
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import xxhash

from cdiscount_tasks.records import Reason
from cdiscount_tasks.storage.bson_document import (
    MAX_DOCUMENT_BYTES,
    MIN_DOCUMENT_BYTES,
    Broken,
    Product,
    Refused,
    read_any,
    read_length,
    read_product,
    read_usual,
)
from cdiscount_tasks.storage.jpeg_header import frame_size
from cdiscount_tasks.storage.usual_documents import frame_sizes, read_usual_documents

logger = logging.getLogger(__name__)

BLOCK_BYTES = 64 << 20
NO_CATEGORY = -(1 << 63)
"""Stands for a missing category_id in columns of int64."""

_WINDOW_BYTES = 2 << 20
_READ_BYTES = 4 << 20
_FIRST_SEARCH_BYTES = 64 << 10
_PROGRESS_S = 5.0
# A document's length has a zero as its highest byte (at most 16 MiB), then comes the type of its first field.
_CANDIDATE = re.compile(rb"[\x00\x01](?=[\x01-\x13\x7f\xff])")
_CANDIDATE_BYTES = MIN_DOCUMENT_BYTES


class Window:
    """The bytes of a file from an offset on, read forward in large blocks into one buffer, hashed block by block."""

    def __init__(self, path: Path, start: int, hash_until: int) -> None:
        """Open the file at `start`; blocks of 64 MiB from there to `hash_until` are hashed as they pass."""
        self._file = path.open("rb", buffering=0)
        self.size = path.stat().st_size
        self._file.seek(start)
        if hasattr(os, "posix_fadvise"):
            # Read ahead twice as far: the disk works on while the documents are looked at.
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        self.buffer = bytearray(2 * _WINDOW_BYTES)
        self.base = start
        self.filled = 0
        self._hash_until = min(hash_until, self.size)
        self._block_left = BLOCK_BYTES
        self._digest = xxhash.xxh3_128()
        self.block_hashes: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _hash(self, view: memoryview, offset: int) -> None:
        view = view[: max(self._hash_until - offset, 0)]
        while view:
            piece = view[: self._block_left]
            self._digest.update(piece)
            self._block_left -= len(piece)
            view = view[len(piece) :]
            if not self._block_left:
                self._close_block()

    def _close_block(self) -> None:
        self.block_hashes.append(self._digest.hexdigest())
        self._digest = xxhash.xxh3_128()
        self._block_left = BLOCK_BYTES

    def _read_more(self) -> bool:
        with memoryview(self.buffer) as view:
            num_bytes = self._file.readinto(view[self.filled : self.filled + _READ_BYTES])
            with view[self.filled : self.filled + num_bytes] as read:
                self._hash(read, self.base + self.filled)
        self.filled += num_bytes
        return num_bytes > 0

    def forget_before(self, offset: int) -> None:
        """Give up the bytes before an offset of the file; one not read yet is read up to."""
        while self.base + self.filled < offset:
            self.base += self.filled
            self.filled = 0
            if not self._read_more():
                return
        gone = offset - self.base
        if gone > 0:
            self.buffer[: self.filled - gone] = self.buffer[gone : self.filled]
            self.base += gone
            self.filled -= gone

    def hold(self, offset: int, num_bytes: int) -> int:
        """Hold `num_bytes` from `offset` on, as far as the file goes, without giving anything up.

        Returns:
            The number of bytes held from `offset` on; they begin in the buffer at `offset - base`.
        """
        end = offset - self.base + num_bytes
        if end > len(self.buffer):
            self.buffer.extend(bytes(end + _WINDOW_BYTES - len(self.buffer)))
        while self.filled < end and self._read_more():
            pass
        return max(self.filled - (offset - self.base), 0)

    def finish(self) -> list[str]:
        """Read on to where the hashing ends, and return the hash of each block."""
        while self.base + self.filled < self._hash_until:
            end = self.base + self.filled
            self.forget_before(end)
            if not self.hold(end, 1):
                break
        if self._block_left < BLOCK_BYTES:
            self._close_block()
        return self.block_hashes


class Rejected(NamedTuple):
    """Something refused; `image_number` is None for a document."""

    byte_offset: int
    byte_length: int
    product_id: int | None
    image_number: int | None
    reason: Reason
    detail: str


@dataclass
class RangeScan:
    """What a scan found. Columns are arrays of numbers, one entry a product or an image kept."""

    first_offset: int | None = None
    end_offset: int = 0
    num_documents: int = 0
    product_ids: array[int] = field(default_factory=lambda: array("q"))
    product_categories: array[int] = field(default_factory=lambda: array("q"))
    product_offsets: array[int] = field(default_factory=lambda: array("q"))
    product_lengths: array[int] = field(default_factory=lambda: array("i"))
    product_num_images: array[int] = field(default_factory=lambda: array("b"))
    image_product_ids: array[int] = field(default_factory=lambda: array("q"))
    image_numbers: array[int] = field(default_factory=lambda: array("b"))
    image_categories: array[int] = field(default_factory=lambda: array("q"))
    image_offsets: array[int] = field(default_factory=lambda: array("q"))
    image_lengths: array[int] = field(default_factory=lambda: array("i"))
    image_widths: array[int] = field(default_factory=lambda: array("h"))
    image_heights: array[int] = field(default_factory=lambda: array("h"))
    image_hashes: bytearray = field(default_factory=bytearray)
    rejected: list[Rejected] = field(default_factory=list)
    block_hashes: list[str] = field(default_factory=list)


def _hold_document(window: Window, offset: int) -> int | Broken:  # noqa: PLR0911 - a check, a way out
    """Hold the document at an offset of the file that the window has not given up; return its length."""
    left = window.size - offset
    if left < MIN_DOCUMENT_BYTES:
        return Broken(0, f"{left} bytes are left, fewer than any document has")
    if window.hold(offset, MIN_DOCUMENT_BYTES) < MIN_DOCUMENT_BYTES:
        return Broken(0, "the file became shorter while it was read")
    declared = read_length(window.buffer, offset - window.base)
    if not MIN_DOCUMENT_BYTES <= declared <= MAX_DOCUMENT_BYTES:
        return Broken(declared, f"it declares {declared} bytes, expected {MIN_DOCUMENT_BYTES} to {MAX_DOCUMENT_BYTES}")
    if declared > left:
        return Broken(declared, f"it declares {declared} bytes, {left} are left")
    if window.hold(offset, declared) < declared:
        return Broken(declared, "the file became shorter while it was read")
    start = offset - window.base
    if window.buffer[start + declared - 1]:
        return Broken(declared, "its last byte is not zero")
    return declared


def _read_document(window: Window, offset: int) -> Product | Refused | Broken:
    """Read whatever stands at an offset of the file that the window has not given up."""
    declared = _hold_document(window, offset)
    if isinstance(declared, Broken):
        return declared
    start = offset - window.base
    usual = read_usual(window.buffer, start, declared)
    return usual or read_any(window.buffer, start, start + declared)


def _read_product(window: Window, offset: int) -> Product | None:
    """Read the product at an offset of the file that the window has not given up, if one stands there."""
    declared = _hold_document(window, offset)
    if isinstance(declared, Broken):
        return None
    start = offset - window.base
    return read_usual(window.buffer, start, declared) or read_product(window.buffer, start, start + declared)


def _candidates(window: Window, offset: int, stop: int) -> Iterator[int]:
    """Yield the offsets in [offset, stop) where a document could begin, by its length and its first field's type."""
    # Mostly the first few documents decide; only what goes on for long is looked through in large pieces.
    look = min(_FIRST_SEARCH_BYTES, _WINDOW_BYTES)
    while offset < stop:
        window.forget_before(offset)
        held = min(window.hold(offset, look), look)
        # The pattern begins at the fourth byte of a document's length.
        found = [match.start() - 3 for match in _CANDIDATE.finditer(window.buffer, 3, held)]
        base = window.base
        at_end = held < look or base + held >= window.size
        look = _WINDOW_BYTES
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
    """Return the rejection of what stands at an offset if the file ends inside it."""
    left = size - offset
    if left < MIN_DOCUMENT_BYTES:
        detail = f"the file ends inside a document: {left} bytes of it are there; fetch or unpack it again"
    elif MIN_DOCUMENT_BYTES <= declared <= MAX_DOCUMENT_BYTES and declared > left:
        detail = f"the file ends inside this document: {declared - left} bytes are missing; fetch or unpack it again"
    else:
        return None
    return Rejected(offset, left, None, None, Reason.DOCUMENT_CUT, detail)


def _rejected_bytes(window: Window, offset: int, broken: Broken) -> list[Rejected]:
    """Decide how far an unreadable document reaches; the last one before a cut is rejected with the cut one."""
    declared, size = broken.declared_length, window.size
    end = offset + declared
    alone = Rejected(offset, declared, None, None, Reason.DOCUMENT_UNREADABLE, broken.detail)
    following: Product | Refused | Broken | None = None
    if MIN_DOCUMENT_BYTES <= declared <= MAX_DOCUMENT_BYTES and end <= size:
        following = _read_document(window, end) if end < size else None
        if not isinstance(following, Broken):
            return [alone]
    found = find_products(window, offset + 1, size)
    if found is None:
        if cut := _cut(offset, declared, size):
            return [cut]
        if isinstance(following, Broken) and (cut := _cut(end, following.declared_length, size)):
            return [alone, cut]
    until = size if found is None else found
    detail = f"{broken.detail}; after_damage: what follows was found by a search"
    return [Rejected(offset, until - offset, None, None, Reason.DOCUMENT_UNREADABLE, detail)]


def _rejected_picture(window: Window, offset: int, length: int, product_id: int, image_number: int) -> Rejected:
    """Return the rejection of a picture without a JPEG frame header."""
    place = offset - window.base
    reason = Reason.PICTURE_NOT_JPEG if length else Reason.PICTURE_EMPTY
    detail = f"{length} bytes begin with {bytes(window.buffer[place : place + min(length, 8)]).hex()}"
    return Rejected(offset, length, product_id, image_number, reason, detail)


def _keep(scan: RangeScan, window: Window, offset: int, product: Product) -> None:
    """Add a product and its pictures to the columns; a picture without a JPEG frame header is rejected."""
    category_id = NO_CATEGORY if product.category_id is None else product.category_id
    buffer, start = window.buffer, offset - window.base
    num_images = 0
    for image_number, (place, length) in enumerate(product.pictures):
        size = frame_size(buffer, start + place, length)
        if size is None:
            scan.rejected.append(_rejected_picture(window, offset + place, length, product.product_id, image_number))
            continue
        num_images += 1
        scan.image_product_ids.append(product.product_id)
        scan.image_numbers.append(image_number)
        scan.image_categories.append(category_id)
        scan.image_offsets.append(offset + place)
        scan.image_lengths.append(length)
        scan.image_widths.append(size[0])
        scan.image_heights.append(size[1])
        scan.image_hashes += xxhash.xxh3_128_digest(buffer[start + place : start + place + length])
    scan.product_ids.append(product.product_id)
    scan.product_categories.append(category_id)
    scan.product_offsets.append(offset)
    scan.product_lengths.append(product.length)
    scan.product_num_images.append(num_images)
    scan.num_documents += 1


def _append(column: array[int], values: np.ndarray) -> None:
    column.frombytes(values.astype(f"i{column.itemsize}").tobytes())


def _keep_usual(scan: RangeScan, window: Window, offset: int, stop: int, most: int) -> int:
    """Add all documents of the usual layout that stand one after another in what is held; returns where they end."""
    buffer, base = window.buffer, window.base
    found = read_usual_documents(buffer, offset - base, window.filled, stop - base, most, NO_CATEGORY)
    widths, heights = frame_sizes(buffer, found.image_starts, found.image_lengths)
    for row in np.flatnonzero(widths == 0).tolist():
        place, length = int(found.image_starts[row]) + base, int(found.image_lengths[row])
        product_id = int(found.product_ids[found.document[row]])
        scan.rejected.append(_rejected_picture(window, place, length, product_id, int(found.image_numbers[row])))
    kept = widths > 0
    document, starts, lengths = found.document[kept], found.image_starts[kept], found.image_lengths[kept]
    _append(scan.image_product_ids, found.product_ids[document])
    _append(scan.image_numbers, found.image_numbers[kept])
    _append(scan.image_categories, found.category_ids[document])
    _append(scan.image_offsets, starts + base)
    _append(scan.image_lengths, lengths)
    _append(scan.image_widths, widths[kept])
    _append(scan.image_heights, heights[kept])
    digest = xxhash.xxh3_128_digest
    with memoryview(buffer) as view:
        pictures = zip(starts.tolist(), (starts + lengths).tolist(), strict=True)
        scan.image_hashes += b"".join([digest(view[start:end]) for start, end in pictures])
    _append(scan.product_ids, found.product_ids)
    _append(scan.product_categories, found.category_ids)
    _append(scan.product_offsets, found.starts + base)
    _append(scan.product_lengths, found.lengths)
    _append(scan.product_num_images, np.bincount(document, minlength=len(found.starts)))
    scan.num_documents += len(found.starts)
    return offset + int(found.lengths.sum())


def _told_progress(started: float, told: float, done: int, total: int, scan: RangeScan) -> float:
    """Log how far the scan is, every few seconds; returns when that was last done."""
    now = time.monotonic()
    if now - told < _PROGRESS_S:
        return told
    seconds = now - started
    left_s = seconds * (total - done) / max(done, 1)
    logger.info(
        "%.0f of %.0f MB, %.0f documents/s, %.0f MB/s, %.0f s left",
        done / 1e6, total / 1e6, scan.num_documents / seconds, done / seconds / 1e6, left_s,
    )  # fmt: skip
    return now


def scan_range(path: Path, start: int, stop: int, *, begins_at_start: bool, hash_blocks: bool = True) -> RangeScan:
    """Scan the documents that begin in [start, stop) of a catalogue.

    Args:
        path: The BSON file.
        start: First byte; a whole number of blocks unless `hash_blocks` is off.
        stop: The byte before which the last document must begin; it is read to its end.
        begins_at_start: Whether a document is known to begin at `start`; else the first that validates is looked for.
        hash_blocks: Whether the 64 MiB blocks of [start, stop) are hashed on the way.

    Returns:
        What was found; `first_offset` is None if no document seems to begin in the range.
    """
    scan = RangeScan()
    with Window(path, start, stop if hash_blocks else start) as window:
        stop = min(stop, window.size)
        scan.first_offset = start if begins_at_start else find_products(window, start, stop)
        offset = stop if scan.first_offset is None else scan.first_offset
        started = told = time.monotonic()
        most = 1
        while offset < stop:
            held = window.base + window.filled - offset
            if held > 0 and read_usual(window.buffer, offset - window.base, held):
                before = scan.num_documents
                offset = _keep_usual(scan, window, offset, stop, most)
                # Where usual documents and others take turns, little is walked in vain.
                most = 2 * (scan.num_documents - before) + 1
                continue
            window.forget_before(offset)
            told = _told_progress(started, told, offset - start, stop - start, scan)
            if held < _WINDOW_BYTES:
                window.hold(offset, _WINDOW_BYTES)
            found = _read_document(window, offset)
            if isinstance(found, Product):
                _keep(scan, window, offset, found)
                offset += found.length
                continue
            refused = (
                [Rejected(offset, found.length, found.product_id, None, found.reason, found.detail)]
                if isinstance(found, Refused)
                else _rejected_bytes(window, offset, found)
            )
            scan.rejected += refused
            scan.num_documents += len(refused)
            offset = refused[-1].byte_offset + refused[-1].byte_length
        scan.end_offset = offset
        scan.block_hashes = window.finish()
    return scan
