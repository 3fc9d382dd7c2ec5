"""Images that several products of a catalogue share, out of an index of any size."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.index.copies import PictureHashes, changes, sorted_slice
from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.parquet import iter_row_groups, open_table

Integers = npt.NDArray[np.int64]


def _read_hashes(index_dir: Path) -> tuple[PictureHashes, Integers]:
    """Read the hashes of all images with their products, and the product_id of each product, numbered from 0."""
    path = index_dir / "images.parquet"
    with open_table(path) as file:
        hashes = PictureHashes(file.metadata.num_rows)
    product_ids: list[Integers] = []
    num_products, last = 0, None
    for rows in iter_row_groups(path, ["product_id", "content_hash"]):
        if not len(rows):
            continue
        ids = numpy_numbers(rows["product_id"])
        is_first = changes(ids)
        is_first[0] = ids[0] != last
        hashes.add(rows["content_hash"], (num_products - 1 + np.cumsum(is_first)).astype(np.int32))
        product_ids.append(ids[is_first])
        num_products, last = num_products + int(is_first.sum()), int(ids[-1])
    return hashes, np.concatenate(product_ids or [np.zeros(0, np.int64)])


def shared_images(index_dir: Path) -> tuple[Integers, Integers]:
    """Return which images, byte by byte, are in several products, and in which.

    Args:
        index_dir: Finished index artifact. Of its images only hashes are held, 20 bytes each.

    Returns:
        Two of int64, [num_rows], a row for each product of each such image: its product_id, and a number from 0 for the
        image.

    Raises:
        DataError: If the index is damaged.
    """
    hashes, product_ids = _read_hashes(index_dir)
    products, images = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    num_images = 0
    for part in hashes.slices:
        if not part.high:
            continue
        high, low, product = sorted_slice(part)
        # A product that has the image twice is one.
        is_row = changes(high, low, product)
        image = np.cumsum(changes(high, low))[is_row] - 1
        product = product[is_row]
        is_shared = np.bincount(image)[image] > 1
        products.append(product_ids[product[is_shared]])
        images.append(image[is_shared] + num_images)
        num_images += len(high)
    numbers = np.unique(np.concatenate(images), return_inverse=True)[1]
    return np.concatenate(products), numbers.astype(np.int64)
