"""What the index knows of the documents that begin in a byte range of the catalogue, in the order of the file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.catalogue.reader import iter_images
from cdiscount_tasks.tables.numbers import numpy_numbers, present_numbers, take_rows
from cdiscount_tasks.tables.parquet import read_rows_between
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED, REJECTED_PRODUCTS
from cdiscount_tasks.vocabulary import Reason

Integers = npt.NDArray[np.int64]


class RangeRows(NamedTuple):
    """Products of a range with their images, all in the order of the file.

    Attributes:
        products: Rows of the index's products.
        images: Rows of its images.
        product_of_image: int64, [num_images], each in [0, num_products).
        rejected_images: Rows of its rejected images.
        product_of_rejected: int64, [num_rejected_images], each in [0, num_products).
    """

    products: pa.Table
    images: pa.Table
    product_of_image: Integers
    rejected_images: pa.Table
    product_of_rejected: Integers


def _in_file_order(rows: pa.Table) -> pa.Table:
    return take_rows(rows, np.argsort(numpy_numbers(rows["offset"]), kind="stable"))


def read_range(index_dir: Path, byte_range: ByteRange) -> RangeRows:
    """Read the products whose documents begin in a range, with all of their images.

    Args:
        index_dir: Finished index artifact.
        byte_range: Of its catalogue.

    Raises:
        DataError: If a file of the index is missing or damaged.
    """
    start, stop = byte_range["start"], byte_range["stop"]
    products = _in_file_order(read_rows_between(index_dir / "products.parquet", PRODUCTS, "offset", start, stop))
    offsets = numpy_numbers(products["offset"])
    # The last document may reach into the next range, and its images with it.
    end = int((offsets + numpy_numbers(products["length"])).max(initial=start))
    images = _in_file_order(read_rows_between(index_dir / "images.parquet", IMAGES, "offset", start, end))
    rejected = read_rows_between(index_dir / "rejected.parquet", REJECTED, "byte_offset", start, end)
    rejected = rejected.filter(pa.array(present_numbers(rejected["image_number"])))

    def product_of(places: npt.NDArray[np.int64]) -> Integers:
        """Return whose document a place lies in; -1: that of a product of an earlier range."""
        return np.asarray(np.searchsorted(offsets, places, side="right") - 1)

    of_rejected = product_of(numpy_numbers(rejected["byte_offset"]))
    of_image = product_of(numpy_numbers(images["offset"]))
    own, own_rejected = of_image >= 0, of_rejected >= 0
    return RangeRows(
        products=products,
        images=take_rows(images, own),
        product_of_image=of_image[own],
        rejected_images=rejected.filter(pa.array(own_rejected)),
        product_of_rejected=of_rejected[own_rejected],
    )


def read_chunks(catalogue_path: Place, rows: RangeRows, most: int) -> Iterator[tuple[list[int], list[bytes]]]:
    """Read the images of a range, some whole products together; where a chunk ends depends on the range alone.

    Args:
        catalogue_path: The catalogue.
        rows: Of the range.
        most: A chunk begins with the first product behind every so many images: it has three more at the most.

    Yields:
        Rows of `rows.images`, and their JPEG bytes.

    Raises:
        DataError: If the catalogue changed since it was indexed.
    """
    by_id = take_rows(rows.products, np.argsort(numpy_numbers(rows.products["product_id"])))
    first_image = np.searchsorted(rows.product_of_image, rows.product_of_image)
    chunk_of = (first_image // most).tolist()
    found = iter_images(catalogue_path, by_id, rows.images)
    for _, some in groupby(found, key=lambda one: chunk_of[one[0]]):
        # The bytes are overwritten some steps later.
        pairs = [(row, bytes(jpeg)) for row, jpeg in some]
        yield [row for row, _ in pairs], [jpeg for _, jpeg in pairs]


class DamagedImages:
    """The images of a range that cannot be used, by product."""

    def __init__(self, rows: RangeRows) -> None:
        """Begin with what the index rejected."""
        self._rows = rows
        self._why: dict[int, list[tuple[int, str]]] = defaultdict(list)
        columns = (rows.rejected_images[name].to_pylist() for name in ("image_number", "reason", "detail"))
        for product, number, reason, detail in zip(rows.product_of_rejected.tolist(), *columns, strict=True):
            self._add(product, number, reason, detail)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self._why.values()))

    def _add(self, product: int, number: int, reason: str, detail: str) -> None:
        self._why[product].append((number, f"image {number}: {reason} ({detail})"))

    def add(self, refused: Iterable[tuple[int, str, str]]) -> None:
        """Add what did not decode: rows of the range's images, each with its reason and detail."""
        for row, reason, detail in refused:
            number = self._rows.images["image_number"][row].as_py()
            self._add(int(self._rows.product_of_image[row]), number, reason, detail)

    def counts(self, products: Integers) -> npt.NDArray[np.int8]:
        """Return how many images of some products are damaged: int8, [num_products]."""
        return np.array([len(self._why.get(product, ())) for product in products.tolist()], np.int8)

    def products_without_image(self, has_image: npt.NDArray[np.bool_]) -> pa.Table:
        """Return the products that have no usable image as rows of REJECTED_PRODUCTS.

        Args:
            has_image: bool, [num_products], whether one of its images can be used.
        """
        places = np.flatnonzero(~has_image)
        products = self._rows.products.take(pa.array(places))
        columns = {
            "product_id": products["product_id"],
            "byte_offset": products["offset"],
            "reason": [str(Reason.NO_USABLE_IMAGE)] * len(places),
            "detail": ["; ".join(text for _, text in sorted(self._why[place])) for place in places.tolist()],
        }
        return pa.table(columns, schema=REJECTED_PRODUCTS)
