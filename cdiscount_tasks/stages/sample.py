"""Index -> sample: the chosen products with their JPEG bytes, in Parquet."""

import logging
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from cdiscount_tasks.config import DrawConfig
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.parallel import map_in_processes
from cdiscount_tasks.storage.artifact import Recipe, build_artifact
from cdiscount_tasks.storage.image_source import ProductPlace, check_content, read_pictures
from cdiscount_tasks.storage.tables import (
    IMAGES,
    PRODUCTS,
    REJECTED,
    SAMPLE_IMAGES,
    SAMPLE_PRODUCTS,
    TableWriter,
    read_rows,
    read_table,
    write_table,
)

logger = logging.getLogger(__name__)

VERSION = 1

_PRODUCTS_PER_FILE = 4096
_ROWS_PER_GROUP = 512
_PRODUCTS_WORTH_PROCESSES = 20_000


class SampleResult(TypedDict):
    """What the sample holds."""

    path: str
    num_categories: int
    num_products: int
    num_images: int
    num_bytes: int
    reused: bool


class _Chunk(NamedTuple):
    """The products of one file, ready to be handed to another process."""

    catalogue_path: Path
    products: pa.Table
    images: pa.Table
    out_path: Path


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
        frame = products.select(["product_id", "category_id"]).to_pandas()
        frame["hash"] = [xxhash.xxh3_64_intdigest(f"draw {config.seed} {i}".encode()) for i in frame["product_id"]]
        frame = frame.sort_values(["category_id", "hash"])
        taken = frame[frame.groupby("category_id").cumcount() < config.max_products_per_category].index
        products = products.take(pa.array(np.sort(taken.to_numpy())))
    return products.sort_by("product_id")


def _write_chunk(chunk: _Chunk) -> tuple[int, int]:
    """Write the pictures of one file's products; returns how many, and their bytes."""
    places = [ProductPlace(*row.values()) for row in chunk.products.drop_columns(["num_images"]).to_pylist()]
    jpegs: dict[int, list[bytes]] = {}
    in_file_order = sorted(places, key=lambda place: place.offset)
    place_of = {place.product_id: place for place in places}
    for place, pictures in read_pictures(chunk.catalogue_path, in_file_order):
        jpegs[place.product_id] = pictures
    product_ids = chunk.images["product_id"].to_pylist()
    numbers = chunk.images["image_number"].to_pylist()
    rows = [jpegs[product_id][number] for product_id, number in zip(product_ids, numbers, strict=True)]
    hashes = chunk.images["content_hash"].to_pylist()
    for product_id, number, jpeg, expected in zip(product_ids, numbers, rows, hashes, strict=True):
        check_content(chunk.catalogue_path, place_of[product_id], number, jpeg, expected)
    table = chunk.images.append_column("jpeg", pa.array(rows, pa.binary()))
    with TableWriter(chunk.out_path, SAMPLE_IMAGES, _ROWS_PER_GROUP) as writer:
        writer.write(table)
    return len(rows), sum(map(len, rows))


def _chunks(catalogue_path: Path, products: pa.Table, images: pa.Table, out_dir: Path) -> list[_Chunk]:
    images = images.sort_by([("product_id", "ascending"), ("image_number", "ascending")])
    images = images.select(["product_id", "image_number", "category_id", "content_hash"])
    product_of_image = images["product_id"].to_numpy()
    chunks = []
    for number, first in enumerate(range(0, len(products), _PRODUCTS_PER_FILE)):
        piece = products.slice(first, _PRODUCTS_PER_FILE).select(PRODUCTS.names)
        ids = piece["product_id"].to_numpy()
        start = np.searchsorted(product_of_image, ids[0])
        stop = np.searchsorted(product_of_image, ids[-1], side="right")
        piece = piece.select(["product_id", "category_id", "offset", "length", "num_images"])
        chunks.append(
            _Chunk(catalogue_path, piece, images.slice(start, stop - start), out_dir / f"images-{number:05d}.parquet")
        )
    return chunks


def _write_sample(index_dir: Path, catalogue_path: Path, config: DrawConfig, part_dir: Path) -> dict[str, Any]:
    if config.categories is None:
        products = read_table(index_dir / "products.parquet", PRODUCTS)
        images = read_table(index_dir / "images.parquet", IMAGES)
    else:
        products = read_rows(index_dir / "products.parquet", PRODUCTS, "category_id", config.categories)
        images = read_rows(index_dir / "images.parquet", IMAGES, "category_id", config.categories)
    products = choose_products(products, config)
    images = images.filter(pc.is_in(images["product_id"], value_set=products["product_id"].combine_chunks()))
    write_table(part_dir / "products.parquet", products.select(SAMPLE_PRODUCTS.names), SAMPLE_PRODUCTS)
    rejected = read_table(index_dir / "rejected.parquet", REJECTED)
    of_sample = pc.and_(pc.is_in(rejected["product_id"], value_set=products["product_id"].combine_chunks()),
                        pc.is_valid(rejected["image_number"]))  # fmt: skip
    write_table(part_dir / "rejected.parquet", rejected.filter(of_sample), REJECTED)
    chunks = _chunks(catalogue_path, products, images, part_dir)
    written = list(map_in_processes(_write_chunk, chunks, worth_it=len(products) > _PRODUCTS_WORTH_PROCESSES))
    return {
        "num_categories": pc.count_distinct(products["category_id"]).as_py(),
        "num_products": len(products),
        "num_images": sum(count for count, _ in written),
        "num_bytes": sum(size for _, size in written),
    }


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
    recipe = Recipe("sample", VERSION, config.model_dump(mode="json"), {"index": index_dir}, {}, {})
    write = partial(_write_sample, index_dir, catalogue_path, config)
    return cast(SampleResult, build_artifact(recipe.dir_in(artifacts_dir), recipe, write))
