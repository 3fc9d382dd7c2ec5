"""Index -> sample: the chosen products with their JPEG bytes, in Parquet."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.catalogue.reader import read_images
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.cores import map_in_processes
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.tables.numbers import numpy_numbers, take_rows
from cdiscount_tasks.tables.parquet import TableWriter, read_rows, read_table, write_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED, SAMPLE_IMAGES, SAMPLE_PRODUCTS

Integers = npt.NDArray[np.int64]

VERSION = 1

_PRODUCTS_PER_FILE = 4096
_ROWS_PER_GROUP = 512
_PRODUCTS_WORTH_PROCESSES = 60_000
"""Two processes lose 0.6 s at 20,000 to 40,000 products, are even at 60,000, and win 14 of 24 s at 340,000."""


class SampleResult(Result):
    """What the sample holds."""

    num_categories: int
    num_products: int
    num_images: int
    num_bytes: int


class SampleFile(NamedTuple):
    """The products and images of one file, ready to be handed to another process."""

    catalogue_path: Path
    products: pa.Table
    images: pa.Table
    out_path: Path


def _draw(products: pa.Table, seed: int, most: int) -> Integers:
    """Return the rows of each category's products with the smallest hashes."""
    ids, categories = numpy_numbers(products["product_id"]), numpy_numbers(products["category_id"])
    hashes = [xxhash.xxh3_64_intdigest(f"draw {seed} {product_id}".encode()) for product_id in ids.tolist()]
    order = np.lexsort((np.array(hashes, np.uint64), categories))
    categories = categories[order]
    place_in_category = np.arange(len(order)) - np.searchsorted(categories, categories)
    return order[place_in_category < most]


def choose_products(products: pa.Table, config: DrawConfig) -> pa.Table:
    """Choose whole products, category by category.

    Args:
        products: Rows of the index's `products.parquet`.
        config: The categories, the most products per category (None: all of them) and the seed. The products with the
            smallest hash of (seed, product_id) are taken: a larger limit only adds products.

    Returns:
        The chosen rows, sorted by product_id.

    Raises:
        DataError: If the catalogue has no categories at all, or a category of the sample has no product.
    """
    products = products.filter(pc.is_valid(products["category_id"]))
    found = set(pc.unique(products["category_id"]).to_pylist())
    if not found and config.categories is None:
        raise DataError(
            "the catalogue has no categories (is it test.bson?); a sample needs products with a category_id"
        )
    missing = [category for category in config.categories or [] if category not in found]
    if missing:
        raise DataError(
            f"the catalogue has no product of category {', '.join(map(str, missing))}; take it out of the sample's "
            "categories, or set CDISCOUNT_CATALOGUE to a catalogue that has some"
        )
    if config.max_products_per_category is not None:
        products = take_rows(products, _draw(products, config.seed, config.max_products_per_category))
    return take_rows(products, np.argsort(numpy_numbers(products["product_id"])))


def plan_files(catalogue_path: Path, products: pa.Table, images: pa.Table, out_dir: Path) -> list[SampleFile]:
    """Cut a sample into files.

    Args:
        catalogue_path: The BSON file that the index was made from.
        products: The sample's rows of the index's products, sorted by product_id.
        images: Rows of the index's images; those of other products are left out.
        out_dir: Where the files will stand.
    """
    product_ids, image_numbers = numpy_numbers(images["product_id"]), numpy_numbers(images["image_number"])
    rows = np.flatnonzero(np.isin(product_ids, numpy_numbers(products["product_id"])))
    rows = rows[np.lexsort((image_numbers[rows], product_ids[rows]))]
    product_ids = product_ids[rows]
    files = []
    for number, first in enumerate(range(0, len(products), _PRODUCTS_PER_FILE)):
        # Rows are taken rather than sliced: a slice is handed to another process with the whole table behind it.
        piece = take_rows(products, np.arange(first, min(first + _PRODUCTS_PER_FILE, len(products))))
        ids = numpy_numbers(piece["product_id"])
        start, stop = np.searchsorted(product_ids, ids[0]), np.searchsorted(product_ids, ids[-1], side="right")
        out_path = out_dir / f"images-{number:05d}.parquet"
        files.append(SampleFile(catalogue_path, piece, take_rows(images, rows[start:stop]), out_path))
    return files


def _write_file(file: SampleFile) -> tuple[int, int]:
    """Write the pictures of one file's products; returns how many, and their bytes."""
    jpegs = read_images(file.catalogue_path, file.products, file.images)
    with TableWriter(file.out_path, SAMPLE_IMAGES, _ROWS_PER_GROUP) as writer:
        writer.write(file.images.append_column("jpeg", jpegs))
    return len(jpegs), int(numpy_numbers(file.images["length"]).sum())


def _read_index(index_dir: Path, categories: Sequence[int] | None) -> tuple[pa.Table, pa.Table]:
    """Read the products and images of some categories; None: of all."""
    paths = (index_dir / "products.parquet", PRODUCTS), (index_dir / "images.parquet", IMAGES)
    if categories is None:
        products, images = (read_table(path, schema) for path, schema in paths)
    else:
        products, images = (read_rows(path, schema, "category_id", categories) for path, schema in paths)
    return products, images


def _rejected_images(index_dir: Path, products: pa.Table) -> pa.Table:
    """Return what the index rejected of some products' images."""
    rejected = read_table(index_dir / "rejected.parquet", REJECTED)
    of_sample = pc.is_in(rejected["product_id"], value_set=products["product_id"].combine_chunks())
    return rejected.filter(pc.and_(of_sample, pc.is_valid(rejected["image_number"])))


def sample_recipe(index_dir: Path, config: DrawConfig) -> Recipe:
    """Return what decides a sample."""
    return Recipe("sample", VERSION, config.model_dump(mode="json"), {"index": index_dir})


def draw_sample(index_dir: Path, catalogue_path: Path, artifacts_dir: Path, config: DrawConfig) -> SampleResult:
    """Draw a sample of products from an indexed catalogue, their JPEG bytes included.

    Args:
        index_dir: Finished index artifact.
        catalogue_path: The BSON file that the index was made from.
        artifacts_dir: Where the sample artifact will stand, named by its key.
        config: The categories, the most products per category, and the seed.

    Returns:
        The artifact's path and counts. `images-*.parquet` has one row per image, sorted by product_id, image_number;
        `rejected.parquet` has the images of the sample's products that the index rejected.

    Raises:
        DataError: If a category of the sample has no product, or the catalogue is not the indexed one.
    """

    def write(part_dir: Path) -> Made:
        products, images = _read_index(index_dir, config.categories)
        products = choose_products(products, config)
        write_table(part_dir / "products.parquet", products.select(SAMPLE_PRODUCTS.names), SAMPLE_PRODUCTS)
        write_table(part_dir / "rejected.parquet", _rejected_images(index_dir, products), REJECTED)
        files = plan_files(catalogue_path, products, images, part_dir)
        written = list(map_in_processes(_write_file, files, worth_it=len(products) > _PRODUCTS_WORTH_PROCESSES))
        return Made(
            {
                "num_categories": pc.count_distinct(products["category_id"]).as_py(),
                "num_products": len(products),
                "num_images": sum(count for count, _ in written),
                "num_bytes": sum(size for _, size in written),
            }
        )

    return make(SampleResult, sample_recipe(index_dir, config), artifacts_dir, write)
