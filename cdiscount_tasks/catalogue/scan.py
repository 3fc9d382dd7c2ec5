"""A byte range of the catalogue, read once: its products, pictures and rejected bytes, and the hashes of its blocks.

A range begins at the first place where two products in a row validate. That guess can be fooled by a picture that
holds BSON, so whoever joins ranges must check that each begins where the one before ended, and scan again what does
not. What a scan finds from a given offset on never depends on where its range stops: joined ranges equal one scan.
"""

from __future__ import annotations  # array[int] cannot be evaluated by Python 3.11

import logging
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import xxhash

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.damage import Rejected, find_products, read_document, rejected_bytes
from cdiscount_tasks.catalogue.document import Product, Refused
from cdiscount_tasks.catalogue.jpeg_header import frame_size
from cdiscount_tasks.catalogue.layout import NO_CATEGORY
from cdiscount_tasks.catalogue.rejection_limit import RejectionLimit
from cdiscount_tasks.catalogue.usual_documents import frame_sizes, read_usual, read_usual_documents
from cdiscount_tasks.catalogue.window import Window
from cdiscount_tasks.vocabulary import Reason

logger = logging.getLogger(__name__)

_PROGRESS_S = 5.0
_MOST_AT_ONCE = 2048
"""More documents are not looked at together: two megabytes hold some 250 real ones, or 30,000 tiny ones."""

MOST_HELD = 32_768
MOST_REJECTED_HELD = 2_048
"""How many products, pictures or rejected rows are held before they are written; a usual range has fewer."""


@dataclass
class RangeScan:
    """What a scan found. Columns are arrays of numbers, one entry a product or an image kept."""

    file_bytes: int = 0
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

    @property
    def holds_much(self) -> bool:
        """Whether there are rows enough to be written, and forgotten."""
        num_kept = max(len(self.product_ids), len(self.image_numbers))
        return len(self.rejected) >= MOST_REJECTED_HELD or num_kept >= MOST_HELD

    def forget_rows(self, *, kept: bool, rejected: bool) -> None:
        """Forget rows that have been written; counts and hashes stay."""
        if rejected:
            self.rejected.clear()
        if kept:
            for name, column in list(vars(self).items()):
                if name.startswith(("product_", "image_")):
                    setattr(self, name, column[:0])


def _rejected_picture(window: Window, offset: int, length: int, product_id: int, image_number: int) -> Rejected:
    """Return the rejection of a picture without a JPEG frame header."""
    place = offset - window.base
    if not length:
        return Rejected(offset, 0, product_id, image_number, Reason.PICTURE_EMPTY, "0 bytes")
    begin = bytes(window.buffer[place : place + min(length, 8)]).hex(" ")
    detail = f"{length} bytes begin with {begin}: no JPEG frame header with sides of 1 to 32767 pixels"
    return Rejected(offset, length, product_id, image_number, Reason.PICTURE_NOT_JPEG, detail)


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
    """Add all documents of the usual layout one after another, in what is held; returns where they end."""
    buffer, base = window.buffer, window.base
    found = read_usual_documents(buffer, offset - base, window.filled, stop - base, most)
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


class _Progress:
    """Logs every few seconds how far the scan is."""

    def __init__(self, start: int, stop: int) -> None:
        self._start, self._stop = start, stop
        self._started = self._logged = time.monotonic()

    def log(self, offset: int, num_documents: int) -> None:
        """Log what is done up to an offset of the file."""
        now = time.monotonic()
        if now - self._logged < _PROGRESS_S:
            return
        self._logged = now
        seconds, done, total = now - self._started, offset - self._start, self._stop - self._start
        logger.info(
            "%.0f of %.0f MB, %.0f documents/s, %.0f MB/s, %.0f s left",
            done / 1e6, total / 1e6, num_documents / seconds, done / seconds / 1e6,
            seconds * (total - done) / max(done, 1),
        )  # fmt: skip


def _keep_or_reject(scan: RangeScan, window: Window, offset: int, limit: RejectionLimit) -> int:
    """Read the document of any layout at an offset, or the damaged bytes there; returns where they end."""
    found = read_document(window, offset)
    if isinstance(found, Product):
        _keep(scan, window, offset, found)
        return offset + found.length
    if isinstance(found, Refused):
        refused = [Rejected(offset, found.length, found.product_id, None, found.reason, found.detail)]
    else:
        refused = rejected_bytes(window, offset, found, offset + limit.num_bytes_left)
    scan.rejected += refused
    scan.num_documents += len(refused)
    limit.check(refused, scan.num_documents)
    return refused[-1].byte_offset + refused[-1].byte_length


def _scan_documents(
    scan: RangeScan,
    window: Window,
    stop: int,
    limit: RejectionLimit,
    write: Callable[[RangeScan], None] | None,
) -> int:
    """Scan the documents that begin before `stop`, from the range's first one on; returns where they end."""
    offset = stop if scan.first_offset is None else scan.first_offset
    progress = _Progress(offset, stop)
    most = 1
    while offset < stop:
        if write is not None and scan.holds_much:
            write(scan)
        held = window.base + window.filled - offset
        if held > 0 and read_usual(window.buffer, offset - window.base, held):
            before = scan.num_documents
            offset = _keep_usual(scan, window, offset, stop, min(most, _MOST_AT_ONCE))
            # Where usual documents and others take turns, little is walked in vain.
            most = 2 * (scan.num_documents - before) + 1
            continue
        if held < file_window.WINDOW_BYTES and not window.holds_the_end:
            window.forget_before(offset)
            window.hold(offset, file_window.WINDOW_BYTES)
            progress.log(offset, scan.num_documents)
        offset = _keep_or_reject(scan, window, offset, limit)
    return offset


def scan_bytes(
    path: Place,
    start: int,
    stop: int,
    *,
    begins_at_start: bool,
    hash_blocks: bool = True,
    write: Callable[[RangeScan], None] | None = None,
    max_rejected_share: float = 1.0,
) -> RangeScan:
    """Scan the documents that begin in [start, stop) of a catalogue.

    Args:
        path: The BSON file, or the object.
        start: First byte; a whole number of blocks unless `hash_blocks` is off.
        stop: The byte before which the last document must begin; it is read to its end.
        begins_at_start: Whether a document is known to begin at `start`; else the first that validates is looked for.
        hash_blocks: Whether the 64 MiB blocks of [start, stop) are hashed on the way.
        write: Called whenever much is held; it writes rows and lets the scan forget them.
        max_rejected_share: The scan ends as soon as more than this share of the file's documents, or of its bytes, is
            sure to be rejected.

    Returns:
        What was found and is still held; `first_offset` is None if no document seems to begin in the range.

    Raises:
        DataError: If the file changed meanwhile, or too much of it is rejected.
    """
    scan = RangeScan()
    with Window(path, start, stop if hash_blocks else start) as window:
        scan.file_bytes = window.size
        stop = min(stop, window.size)
        scan.first_offset = start if begins_at_start else find_products(window, start, stop)
        limit = RejectionLimit(path, window.size, start, max_rejected_share, begins_at_start=begins_at_start)
        scan.end_offset = _scan_documents(scan, window, stop, limit, write)
        scan.block_hashes = window.finish()
    return scan
