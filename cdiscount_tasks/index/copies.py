"""Identical pictures among millions: how often each occurs, and in how many categories.

Only hashes are held, 20 bytes a picture, and they are sorted slice by slice of their leading bits: 12.4 million
pictures need less than 600 MB.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

NUM_LARGEST = 10
"""How many of the largest conflicts, and of their categories, are listed."""

REPETITION_BOUNDS = (1, 2, 3, 6, 11, 51, 101, 1001)
"""Where the classes of "a picture occurs n times" begin; the last one is open."""

_PICTURES_PER_SLICE = 1 << 20
_NO_CATEGORY = -1

_Ints = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]


@dataclass
class Slice:
    """The pictures whose hashes begin alike: both halves of each hash, and the ordinal of the picture's product."""

    high: list[_Words] = field(default_factory=list)
    low: list[_Words] = field(default_factory=list)
    product: list[npt.NDArray[np.int32]] = field(default_factory=list)


def changes(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Mark each row that differs from the row before it in any column; the first row is marked."""
    changed = np.zeros(len(columns[0]), np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _halves(column: pa.ChunkedArray) -> tuple[_Words, _Words]:
    """Return a hash column as two big-endian words, so that they sort as the bytes do."""
    flat = column.combine_chunks()
    chunk = flat.chunk(0) if isinstance(flat, pa.ChunkedArray) else flat
    words = np.frombuffer(chunk.buffers()[1], ">u8", 2 * len(chunk), 16 * chunk.offset).astype(np.uint64)
    return words[::2], words[1::2]


class PictureHashes:
    """The hashes of pictures that come by category, then product; products are numbered as they come."""

    def __init__(self, num_pictures: int) -> None:
        """Make room for about that number of pictures."""
        self._slice_bits = (num_pictures // _PICTURES_PER_SLICE).bit_length()
        self.slices = [Slice() for _ in range(1 << self._slice_bits)]

    def add(self, content_hashes: pa.ChunkedArray, product: npt.NDArray[np.int32]) -> None:
        """Add pictures; `product` counts the products from 0."""
        high, low = _halves(content_hashes)
        place = high >> np.uint64(64 - self._slice_bits) if self._slice_bits else np.zeros(len(high), np.uint64)
        for number, part in enumerate(self.slices):
            chosen = place == number
            part.high.append(high[chosen])
            part.low.append(low[chosen])
            part.product.append(product[chosen])


@dataclass
class Copies:
    """What the hashes show, summed over the slices.

    Attributes:
        num_distinct: Distinct pictures.
        by_times: int64, how many distinct pictures occur how often, by the classes of REPETITION_BOUNDS.
        distinct_of_category: int64, [num_categories], distinct pictures in each category.
        num_conflicts: Distinct pictures that occur in several categories.
        num_conflicting_images: Pictures that are one of those.
        largest: The conflicts with the most pictures, described.
        shares: bool, [num_products], whether a picture of the product occurs in another product too.
    """

    num_distinct: int
    by_times: _Ints
    distinct_of_category: _Ints
    num_conflicts: int
    num_conflicting_images: int
    largest: list[dict[str, Any]]
    shares: npt.NDArray[np.bool_]


def _describe_conflict(
    word: tuple[int, int], categories: npt.NDArray[Any], products: npt.NDArray[Any], category_ids: list[int]
) -> dict[str, Any]:
    counts = Counter(categories.tolist())
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_LARGEST]
    return {
        "content_hash": f"{word[0]:016x}{word[1]:016x}",
        "num_images": len(categories),
        "num_products": len(np.unique(products)),
        "num_categories": len(counts),
        "categories": [{"category_id": category_ids[code], "num_images": n} for code, n in commonest],
    }


def _size_of_conflict(conflict: dict[str, Any]) -> tuple[int, int, str]:
    return -conflict["num_images"], -conflict["num_categories"], conflict["content_hash"]


def sorted_slice(part: Slice) -> tuple[_Words, _Words, npt.NDArray[np.int32]]:
    """Return a slice's columns sorted by hash, then product; the slice's own memory is given back."""
    high, low = np.concatenate(part.high), np.concatenate(part.low)
    product = np.concatenate(part.product)
    part.high.clear()
    part.low.clear()
    part.product.clear()
    # Three times quicker than by all keys: pictures come by product, and hashes hardly agree in their first half alone.
    order = np.argsort(high, kind="stable")
    if (changes(low[order]) & ~changes(high[order])).any():
        order = np.lexsort((product, low, high))
    return high[order], low[order], product[order]


def _count_slice(
    part: Slice, category_ids: list[int], category_of_product: npt.NDArray[np.int32], found: Copies
) -> None:
    """Add one slice to what is found. Products are numbered category by category: sorted by product is by category."""
    high, low, product = sorted_slice(part)
    num_rows = len(high)
    starts = np.flatnonzero(changes(high, low))
    times = np.diff(np.append(starts, num_rows))
    ends = starts + times - 1
    found.num_distinct += len(starts)
    found.by_times += np.bincount(
        np.searchsorted(REPETITION_BOUNDS, times, side="right") - 1, minlength=len(REPETITION_BOUNDS)
    )
    shared = product[starts] != product[ends]
    found.shares[product[np.repeat(shared, times)]] = True
    if not category_ids:
        return
    category = category_of_product[product]
    # Products without a category come last of each picture's: what is left of its rows without them stands together.
    labelled = category != _NO_CATEGORY
    firsts = changes(high, low, category) & labelled
    times = np.add.reduceat(labelled.astype(np.int64), starts)
    found.distinct_of_category += np.bincount(category[firsts], minlength=len(category_ids))
    num_categories = np.add.reduceat(firsts.astype(np.int64), starts)
    conflicts = np.flatnonzero(num_categories > 1)
    found.num_conflicts += len(conflicts)
    found.num_conflicting_images += int(times[conflicts].sum())
    by_size = np.lexsort((-num_categories[conflicts], -times[conflicts]))
    for run in conflicts[by_size[:NUM_LARGEST]]:
        rows = slice(starts[run], starts[run] + times[run])
        word = int(high[starts[run]]), int(low[starts[run]])
        found.largest.append(_describe_conflict(word, category[rows], product[rows], category_ids))
    found.largest = sorted(found.largest, key=_size_of_conflict)[:NUM_LARGEST]


def count_copies(hashes: PictureHashes, num_products: int, category_ids: list[int], edges: _Ints) -> Copies:
    """Count identical pictures.

    Args:
        hashes: Those of all pictures; their memory is given back.
        num_products: Products with a picture.
        category_ids: Ascending; empty in a catalogue without categories.
        edges: int64, [num_categories + 1], the number, counted from 0, of each category's first product, and of the
            first product without a category: those come last, and are in no conflict.
    """
    found = Copies(
        num_distinct=0,
        by_times=np.zeros(len(REPETITION_BOUNDS), np.int64),
        distinct_of_category=np.zeros(len(category_ids), np.int64),
        num_conflicts=0,
        num_conflicting_images=0,
        largest=[],
        shares=np.zeros(num_products, np.bool_),
    )
    category_of_product = np.full(num_products, _NO_CATEGORY, np.int32)
    category_of_product[: edges[-1]] = np.repeat(np.arange(len(category_ids), dtype=np.int32), np.diff(edges))
    for part in hashes.slices:
        if part.high:
            _count_slice(part, category_ids, category_of_product, found)
    return found
