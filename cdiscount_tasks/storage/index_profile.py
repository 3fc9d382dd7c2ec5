"""What an index holds, counted: sizes, identical copies, pictures with several categories, what was rejected.

Tables are read row group by row group. Only the pictures' hashes are held as a whole, 20 bytes a picture, and they are
sorted slice by slice of their leading bits: 12.4 million pictures need less than 600 MB.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.records import MAX_IMAGES_PER_PRODUCT
from cdiscount_tasks.storage.tables import iter_row_groups

SCHEMA_VERSION = 1

NUM_LARGEST = 10
"""How many of the largest conflicts and of the commonest pixel sizes are listed."""

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
REPETITION_BOUNDS = (1, 2, 3, 6, 11, 51, 101, 1001)
"""Where the classes of "a picture stands so many times" begin; the last one is open."""

_SLICE_BITS = 4
_SMALLEST_BIN_BYTES = 64
_MOST_BINS = 48
_BINS_REACH = 0.999
"""The histogram's bins reach this quantile; one picture of megabytes would else squeeze all others into one bin."""

_Ints = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]


@dataclass
class _Slice:
    """The pictures whose hashes begin alike: both halves of each hash, and the ordinal of the picture's product."""

    high: list[_Words] = field(default_factory=list)
    low: list[_Words] = field(default_factory=list)
    product: list[npt.NDArray[np.int32]] = field(default_factory=list)


@dataclass
class _Pictures:
    """What one reading of images.parquet gives.

    Attributes:
        slices: The hashes, by their leading bits.
        lengths: int32, [num_images], bytes of each picture.
        pixels: How many pictures have each width and height.
        num_products: Products with a picture.
        category_ids: Of the categories with a picture, ascending; empty in a catalogue without categories.
        first_product: int64, [num_categories], the ordinal of each category's first product.
    """

    slices: list[_Slice]
    lengths: npt.NDArray[np.int32]
    pixels: Counter[tuple[int, int]]
    num_products: int
    category_ids: list[int]
    first_product: _Ints


def _halves(column: pa.ChunkedArray) -> tuple[_Words, _Words]:
    """Return a hash column as two big-endian words, so that they sort as the bytes do."""
    flat = column.combine_chunks()
    chunk = flat.chunk(0) if isinstance(flat, pa.ChunkedArray) else flat
    words = np.frombuffer(chunk.buffers()[1], ">u8", 2 * len(chunk), 16 * chunk.offset).astype(np.uint64)
    return words[::2], words[1::2]


def _changes(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Mark each row that differs from the row before it in any column; the first row is marked."""
    changed = np.zeros(len(columns[0]), np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _read_pictures(path: Path) -> _Pictures:
    """Read images.parquet once; its order (category_id, product_id) numbers products and categories on the way."""
    slices = [_Slice() for _ in range(1 << _SLICE_BITS)]
    lengths: list[npt.NDArray[np.int32]] = []
    pixels: Counter[tuple[int, int]] = Counter()
    category_ids: list[int] = []
    first_product: list[int] = []
    num_products = 0
    last: tuple[int | None, int] | None = None
    columns = ["category_id", "product_id", "length", "width", "height", "content_hash"]
    for rows in iter_row_groups(path, columns):
        if not len(rows):
            continue
        has_category = rows["category_id"].null_count == 0
        category = pc.fill_null(rows["category_id"], 0).to_numpy()
        product = rows["product_id"].to_numpy()
        is_new = _changes(category, product)
        is_new[0] = last != (int(category[0]) if has_category else None, int(product[0]))
        ordinal = (num_products - 1 + np.cumsum(is_new)).astype(np.int32)
        if has_category:
            for row in np.flatnonzero(_changes(category)):
                if not category_ids or category_ids[-1] != category[row]:
                    category_ids.append(int(category[row]))
                    first_product.append(int(ordinal[row]))
        num_products = int(ordinal[-1]) + 1
        last = (int(category[-1]) if has_category else None, int(product[-1]))
        lengths.append(rows["length"].to_numpy())
        size, times = np.unique(
            rows["width"].to_numpy().astype(np.int32) << 16 | rows["height"].to_numpy(), return_counts=True
        )
        pixels.update({(int(s) >> 16, int(s) & 0xFFFF): int(n) for s, n in zip(size, times, strict=True)})
        high, low = _halves(rows["content_hash"])
        place = (high >> np.uint64(64 - _SLICE_BITS)).astype(np.int8)
        for number, part in enumerate(slices):
            chosen = place == number
            part.high.append(high[chosen])
            part.low.append(low[chosen])
            part.product.append(ordinal[chosen])
    return _Pictures(
        slices=slices,
        lengths=np.concatenate(lengths) if lengths else np.zeros(0, np.int32),
        pixels=pixels,
        num_products=num_products,
        category_ids=category_ids,
        first_product=np.array(first_product, np.int64),
    )


@dataclass
class _Copies:
    """What the hashes tell, summed over the slices."""

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


def _sorted_slice(part: _Slice) -> tuple[_Words, _Words, npt.NDArray[np.int32]]:
    """Return a slice's columns sorted by hash, then product; the slice's own memory is given back."""
    high, low = np.concatenate(part.high), np.concatenate(part.low)
    product = np.concatenate(part.product)
    part.high.clear()
    part.low.clear()
    part.product.clear()
    order = np.lexsort((product, low, high))
    return high[order], low[order], product[order]


def _count_slice(part: _Slice, pictures: _Pictures, found: _Copies) -> None:
    """Add one slice to what is found. Products are numbered category by category: sorted by product is by category."""
    high, low, product = _sorted_slice(part)
    num_rows = len(high)
    starts = np.flatnonzero(_changes(high, low))
    times = np.diff(np.append(starts, num_rows))
    ends = starts + times - 1
    found.num_distinct += len(starts)
    found.by_times += np.bincount(
        np.searchsorted(REPETITION_BOUNDS, times, side="right") - 1, minlength=len(REPETITION_BOUNDS)
    )
    shared = product[starts] != product[ends]
    found.shares[product[np.repeat(shared, times)]] = True
    if not pictures.category_ids:
        return
    category = np.searchsorted(pictures.first_product, product, side="right") - 1
    firsts = _changes(high, low, category)
    found.distinct_of_category += np.bincount(category[firsts], minlength=len(pictures.category_ids))
    num_categories = np.add.reduceat(firsts.astype(np.int64), starts)
    conflicts = np.flatnonzero(num_categories > 1)
    found.num_conflicts += len(conflicts)
    found.num_conflicting_images += int(times[conflicts].sum())
    by_size = np.lexsort((-num_categories[conflicts], -times[conflicts]))
    for run in conflicts[by_size[:NUM_LARGEST]]:
        rows = slice(starts[run], ends[run] + 1)
        word = int(high[starts[run]]), int(low[starts[run]])
        found.largest.append(_describe_conflict(word, category[rows], product[rows], pictures.category_ids))
    found.largest = sorted(found.largest, key=_size_of_conflict)[:NUM_LARGEST]


def _count_copies(pictures: _Pictures) -> _Copies:
    num_categories = len(pictures.category_ids)
    found = _Copies(
        num_distinct=0,
        by_times=np.zeros(len(REPETITION_BOUNDS), np.int64),
        distinct_of_category=np.zeros(num_categories, np.int64),
        num_conflicts=0,
        num_conflicting_images=0,
        largest=[],
        shares=np.zeros(pictures.num_products, np.bool_),
    )
    for part in pictures.slices:
        if part.high:
            _count_slice(part, pictures, found)
    return found


def _describe_bytes(lengths: npt.NDArray[np.int32]) -> dict[str, Any]:
    """Return mean, quantiles (each the length of a picture: nearest rank below) and histogram of pictures' bytes."""
    if not len(lengths):
        return {"mean": None, "quantiles": [], "histogram": {"bin_bytes": _SMALLEST_BIN_BYTES, "counts": []}}
    ranks = [int(q * (len(lengths) - 1)) for q in (*QUANTILES, _BINS_REACH)]
    lengths.partition(sorted(set(ranks)))
    reach = int(lengths[ranks[-1]])
    bin_bytes = _SMALLEST_BIN_BYTES
    while reach // bin_bytes >= _MOST_BINS:
        bin_bytes *= 2
    last_bin = reach // bin_bytes
    counts = np.zeros(last_bin + 1, np.int64)
    for piece in np.array_split(lengths, max(1, len(lengths) >> 20)):
        counts += np.bincount(np.minimum(piece // bin_bytes, last_bin), minlength=last_bin + 1)
    return {
        "mean": round(float(lengths.mean(dtype=np.float64)), 1),
        "quantiles": [
            {"share": share, "bytes": int(lengths[rank])} for share, rank in zip(QUANTILES, ranks[:-1], strict=True)
        ],
        "histogram": {"bin_bytes": bin_bytes, "counts": counts.tolist()},
    }


def _describe_pixels(pixels: Counter[tuple[int, int]]) -> dict[str, Any]:
    commonest = sorted(pixels.items(), key=lambda item: (-item[1], item[0]))[:NUM_LARGEST]
    return {
        "num_sizes": len(pixels),
        "commonest": [{"width": size[0], "height": size[1], "num_images": n} for size, n in commonest],
    }


def _describe_repetitions(by_times: _Ints) -> list[dict[str, Any]]:
    lasts = [*(bound - 1 for bound in REPETITION_BOUNDS[1:]), None]
    return [
        {"from": first, "to": last, "num_distinct": int(n)}
        for first, last, n in zip(REPETITION_BOUNDS, lasts, by_times, strict=True)
    ]


def _by_category(rows: pa.Table) -> Iterator[tuple[int, int]]:
    for row in rows["category_id"].value_counts().to_pylist():
        if row["values"] is not None:
            yield int(row["values"]), int(row["counts"])


def _count_products(path: Path) -> tuple[list[int], Counter[int], Counter[int]]:
    """Count products by number of images, and by category; and images by category."""
    by_num_images = np.zeros(MAX_IMAGES_PER_PRODUCT + 1, np.int64)
    products: Counter[int] = Counter()
    images: Counter[int] = Counter()
    for rows in iter_row_groups(path, ["category_id", "num_images"]):
        by_num_images += np.bincount(rows["num_images"].to_numpy(), minlength=len(by_num_images))
        products.update(dict(_by_category(rows)))
        for row in rows.group_by("category_id").aggregate([("num_images", "sum")]).to_pylist():
            if row["category_id"] is not None:
                images[int(row["category_id"])] += int(row["num_images_sum"])
    return by_num_images.tolist(), products, images


def _count_rejected(path: Path) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {"documents": Counter(), "images": Counter()}
    for rows in iter_row_groups(path, ["reason", "image_number"]):
        is_image = rows["image_number"].is_valid()
        for what, mask in (("documents", pc.invert(is_image)), ("images", is_image)):
            reasons = rows.filter(mask)["reason"].value_counts().to_pylist()
            counts[what].update({row["values"]: row["counts"] for row in reasons})
    return {what: dict(sorted(reasons.items())) for what, reasons in counts.items()}


def profile_index(index_dir: Path) -> dict[str, Any]:
    """Count what an index holds; docs/data.md describes the result.

    Args:
        index_dir: Holds images.parquet (sorted by category_id, product_id), products.parquet and rejected.parquet.

    Returns:
        What profile.json holds: the same tables give the same JSON.

    Raises:
        DataError: If a table is missing or damaged.
    """
    by_num_images, products, images = _count_products(index_dir / "products.parquet")
    pictures = _read_pictures(index_dir / "images.parquet")
    copies = _count_copies(pictures)
    distinct = dict(zip(pictures.category_ids, copies.distinct_of_category.tolist(), strict=True))
    num_images = len(pictures.lengths)
    return {
        "schema_version": SCHEMA_VERSION,
        "num_products": sum(by_num_images),
        "num_images": num_images,
        "images_per_product": [{"num_images": n, "num_products": count} for n, count in enumerate(by_num_images)],
        "bytes": _describe_bytes(pictures.lengths),
        "pixels": _describe_pixels(pictures.pixels),
        "copies": {
            "num_distinct": copies.num_distinct,
            "num_copies": num_images - copies.num_distinct,
            "num_products_sharing": int(copies.shares.sum()),
            "repetitions": _describe_repetitions(copies.by_times),
        },
        "conflicts": {
            "num_distinct": copies.num_conflicts,
            "share_of_distinct": round(copies.num_conflicts / copies.num_distinct, 6) if copies.num_distinct else 0.0,
            "num_images": copies.num_conflicting_images,
            "largest": copies.largest,
        },
        "rejected": _count_rejected(index_dir / "rejected.parquet"),
        "categories": [
            {
                "category_id": category_id,
                "num_products": products[category_id],
                "num_images": images[category_id],
                "num_copies": images[category_id] - distinct.get(category_id, 0),
            }
            for category_id in sorted(products)
        ],
    }
