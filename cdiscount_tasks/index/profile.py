"""What an index holds, counted: sizes, identical copies, pictures with several categories, what was rejected.

Tables are read row group by row group; only the pictures' hashes and lengths are held as a whole.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.index.copies import REPETITION_BOUNDS, Copies, PictureHashes, changes, count_copies
from cdiscount_tasks.tables.numbers import numpy_numbers, present_numbers
from cdiscount_tasks.tables.parquet import iter_row_groups, open_table
from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT

SCHEMA_VERSION = 1

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_MOST_SIZES = 10
_SMALLEST_BIN_BYTES = 64
_MOST_BINS = 48
_BINS_REACH = 0.999
"""The histogram's bins reach this quantile; one picture of megabytes would else squeeze all others into one bin."""

_Ints = npt.NDArray[np.int64]


@dataclass
class _Pictures:
    """What one reading of images.parquet gives.

    Attributes:
        hashes: The hashes of all pictures.
        lengths: int32, [num_images], bytes of each picture.
        pixels: How many pictures have each width and height.
        num_products: Products with a picture.
        num_labelled: Those of them with a category: they come first.
        category_ids: Of the categories with a picture, ascending; empty in a catalogue without categories.
        first_product: int64, [num_categories], the ordinal of each category's first product.
    """

    hashes: PictureHashes
    lengths: npt.NDArray[np.int32]
    pixels: Counter[tuple[int, int]]
    num_products: int
    num_labelled: int
    category_ids: list[int]
    first_product: _Ints


def _read_pictures(path: Path) -> _Pictures:
    """Read images.parquet once; its order (category_id, product_id) numbers products and categories on the way.

    Rows without a category come last.
    """
    hashes = PictureHashes(open_table(path).metadata.num_rows)
    lengths: list[npt.NDArray[np.int32]] = []
    pixels: Counter[tuple[int, int]] = Counter()
    category_ids: list[int] = []
    first_product: list[int] = []
    num_products = num_labelled = 0
    last: tuple[bool, int, int] | None = None
    columns = ["category_id", "product_id", "length", "width", "height", "content_hash"]
    for rows in iter_row_groups(path, columns):
        if not len(rows):
            continue
        labelled = present_numbers(rows["category_id"])
        # What a missing number's bytes hold is not defined.
        category = np.where(labelled, numpy_numbers(rows["category_id"]), 0)
        product = numpy_numbers(rows["product_id"])
        is_new = changes(labelled, category, product)
        is_new[0] = last != (bool(labelled[0]), int(category[0]), int(product[0]))
        ordinal = (num_products - 1 + np.cumsum(is_new)).astype(np.int32)
        for row in np.flatnonzero(changes(category[labelled])):
            if not category_ids or category_ids[-1] != category[row]:
                category_ids.append(int(category[row]))
                first_product.append(int(ordinal[row]))
        num_labelled = int(ordinal[labelled].max(initial=num_labelled - 1)) + 1
        num_products = int(ordinal[-1]) + 1
        last = (bool(labelled[-1]), int(category[-1]), int(product[-1]))
        lengths.append(numpy_numbers(rows["length"]))
        size, times = np.unique(
            numpy_numbers(rows["width"]).astype(np.int32) << 16 | numpy_numbers(rows["height"]), return_counts=True
        )
        pixels.update({(int(s) >> 16, int(s) & 0xFFFF): int(n) for s, n in zip(size, times, strict=True)})
        hashes.add(rows["content_hash"], ordinal)
    return _Pictures(
        hashes=hashes,
        lengths=np.concatenate(lengths) if lengths else np.zeros(0, np.int32),
        pixels=pixels,
        num_products=num_products,
        num_labelled=num_labelled,
        category_ids=category_ids,
        first_product=np.array(first_product, np.int64),
    )


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
    commonest = sorted(pixels.items(), key=lambda item: (-item[1], item[0]))[:_MOST_SIZES]
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


def _count_products(path: Path) -> tuple[list[int], Counter[int], Counter[int]]:
    """Count products by number of images, and by category; and images by category."""
    by_num_images = np.zeros(MAX_IMAGES_PER_PRODUCT + 1, np.int64)
    products: Counter[int] = Counter()
    images: Counter[int] = Counter()
    for rows in iter_row_groups(path, ["category_id", "num_images"]):
        num_images = numpy_numbers(rows["num_images"]).astype(np.int64)
        by_num_images += np.bincount(num_images, minlength=len(by_num_images))
        # Sorted by category; rows without one come last.
        category = numpy_numbers(rows["category_id"])[: len(rows) - rows["category_id"].null_count]
        starts = np.flatnonzero(changes(category))
        sizes = np.diff(np.append(starts, len(category)))
        sums = np.add.reduceat(num_images[: len(category)], starts) if len(starts) else starts
        for category_id, num_products, num in zip(
            category[starts].tolist(), sizes.tolist(), sums.tolist(), strict=True
        ):
            products[category_id] += num_products
            images[category_id] += num
    return by_num_images.tolist(), products, images


def _count_rejected(path: Path) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {"documents": Counter(), "images": Counter()}
    for rows in iter_row_groups(path, ["reason", "image_number"]):
        is_image = present_numbers(rows["image_number"])
        for reason, of_image in zip(rows["reason"].to_pylist(), is_image.tolist(), strict=True):
            counts["images" if of_image else "documents"][reason] += 1
    return {what: dict(sorted(reasons.items())) for what, reasons in counts.items()}


def _describe_copies(copies: Copies, num_images: int) -> dict[str, Any]:
    return {
        "num_distinct": copies.num_distinct,
        "num_copies": num_images - copies.num_distinct,
        "num_products_sharing": int(copies.shares.sum()),
        "repetitions": _describe_repetitions(copies.by_times),
    }


def _describe_conflicts(copies: Copies) -> dict[str, Any]:
    return {
        "num_distinct": copies.num_conflicts,
        "share_of_distinct": round(copies.num_conflicts / copies.num_distinct, 6) if copies.num_distinct else 0.0,
        "num_images": copies.num_conflicting_images,
        "largest": copies.largest,
    }


def _describe_categories(
    products: Counter[int], images: Counter[int], distinct: dict[int, int]
) -> list[dict[str, int]]:
    """Describe each category by its products, its images, and those of its images that repeat another one's bytes."""
    return [
        {
            "category_id": category_id,
            "num_products": products[category_id],
            "num_images": images[category_id],
            "num_copies": images[category_id] - distinct.get(category_id, 0),
        }
        for category_id in sorted(products)
    ]


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
    starts = np.append(pictures.first_product, pictures.num_labelled)
    copies = count_copies(pictures.hashes, pictures.num_products, pictures.category_ids, starts)
    distinct = dict(zip(pictures.category_ids, copies.distinct_of_category.tolist(), strict=True))
    num_images = len(pictures.lengths)
    return {
        "schema_version": SCHEMA_VERSION,
        "num_products": sum(by_num_images),
        "num_images": num_images,
        "num_without_category": sum(by_num_images) - sum(products.values()),
        "images_per_product": [{"num_images": n, "num_products": count} for n, count in enumerate(by_num_images)],
        "bytes": _describe_bytes(pictures.lengths),
        "pixels": _describe_pixels(pictures.pixels),
        "copies": _describe_copies(copies, num_images),
        "conflicts": _describe_conflicts(copies),
        "rejected": _count_rejected(index_dir / "rejected.parquet"),
        "categories": _describe_categories(products, images, distinct),
    }
