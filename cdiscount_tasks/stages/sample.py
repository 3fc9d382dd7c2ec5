"""Index -> sample: the chosen products in Parquet, with their JPEG bytes or with where these are in the catalogue."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NotRequired

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.catalogue_note import read_note, write_note
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.catalogue.reader import iter_images, read_images
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.cores import map_in_processes
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.tables.images_in_catalogue import probe_catalogue
from cdiscount_tasks.tables.numbers import numpy_numbers, take_rows
from cdiscount_tasks.tables.parquet import TableWriter, read_rows, read_table, write_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED, SAMPLE_IMAGES, SAMPLE_PLACES, SAMPLE_PRODUCTS

Integers = npt.NDArray[np.int64]

VERSION = 1

_PRODUCTS_PER_FILE = 4096
_ROWS_PER_GROUP = 512
_PRODUCTS_PER_FILE_OF_PLACES = 65_536
_PLACES_PER_GROUP = 16_384
"""Without pictures a row has some 25 bytes: 110 files are enough for a sample of everything."""

_NUM_PROBED = 64
"""So many products' documents are compared with the index before a sample is drawn that leaves its pictures there."""

_PRODUCTS_WORTH_PROCESSES = 60_000
"""Two processes lose 0.6 s at 20,000 to 40,000 products, are even at 60,000, and win 14 of 24 s at 340,000."""


class SampleResult(Result):
    """What the sample holds; `num_bytes` are those of its pictures, `pictures` says that these are in the catalogue."""

    num_categories: int
    num_products: int
    num_images: int
    num_bytes: int
    pictures: NotRequired[str]


class SampleFile(NamedTuple):
    """The products and images of one file, ready to be handed to another process."""

    catalogue_path: Place
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


def plan_files(
    catalogue_path: Place,
    products: pa.Table,
    images: pa.Table,
    out_dir: Path,
    products_per_file: int = _PRODUCTS_PER_FILE,
) -> list[SampleFile]:
    """Cut a sample into files.

    Args:
        catalogue_path: The BSON file that the index was made from.
        products: The sample's rows of the index's products, sorted by product_id.
        images: Rows of the index's images; those of other products are left out.
        out_dir: Where the files will stand.
        products_per_file: At most so many.
    """
    product_ids, image_numbers = numpy_numbers(images["product_id"]), numpy_numbers(images["image_number"])
    rows = np.flatnonzero(np.isin(product_ids, numpy_numbers(products["product_id"])))
    rows = rows[np.lexsort((image_numbers[rows], product_ids[rows]))]
    product_ids = product_ids[rows]
    files = []
    for number, first in enumerate(range(0, len(products), products_per_file)):
        # Rows are taken rather than sliced: a slice is handed to another process with the whole table behind it.
        piece = take_rows(products, np.arange(first, min(first + products_per_file, len(products))))
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


def _write_places(file: SampleFile) -> tuple[int, int]:
    """Write where the pictures of one file's products are in the catalogue; returns how many, and their bytes."""
    with TableWriter(file.out_path, SAMPLE_PLACES, _PLACES_PER_GROUP) as writer:
        writer.write(file.images)
    return len(file.images), int(numpy_numbers(file.images["length"]).sum())


def _probe_documents(catalogue_path: Place, products: pa.Table, images: pa.Table) -> None:
    """Compare some documents of a catalogue with the index, from all over the file, and their pictures with the hashes.

    Raises:
        DataError: If one is not the indexed one.
    """
    in_file_order = np.argsort(numpy_numbers(products["offset"]))
    places = np.linspace(0, len(products) - 1, min(_NUM_PROBED, len(products))).astype(int)
    probed = take_rows(products, np.sort(in_file_order[places]))
    of_probed = np.isin(numpy_numbers(images["product_id"]), numpy_numbers(probed["product_id"]))
    for _ in iter_images(catalogue_path, probed, take_rows(images, of_probed)):
        pass


def _write_images(
    catalogue_path: Place, products: pa.Table, images: pa.Table, part_dir: Path, config: DrawConfig
) -> tuple[int, int]:
    """Write a sample's images, or where they are; returns how many there are, and their bytes."""
    if config.pictures == "copied":
        files = plan_files(catalogue_path, products, images, part_dir, _PRODUCTS_PER_FILE)
        written = list(map_in_processes(_write_file, files, worth_it=len(products) > _PRODUCTS_WORTH_PROCESSES))
    else:
        _probe_documents(catalogue_path, products, images)
        files = plan_files(catalogue_path, products, images, part_dir, _PRODUCTS_PER_FILE_OF_PLACES)
        written = [_write_places(file) for file in files]
    return sum(count for count, _ in written), sum(size for _, size in written)


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


def draw_sample(index_dir: Path, catalogue_path: Place, artifacts_dir: Path, config: DrawConfig) -> SampleResult:
    """Draw a sample of products from an indexed catalogue, their JPEG bytes included or left where they are.

    Args:
        index_dir: Finished index artifact.
        catalogue_path: The BSON file that the index was made from.
        artifacts_dir: Where the sample artifact will stand, named by its key.
        config: The categories, the most products per category, the seed, and whether pictures are copied.

    Returns:
        The artifact's path and counts. `images-*.parquet` has one row per image, sorted by product_id, image_number;
        `rejected.parquet` has the images of the sample's products that the index rejected. Where pictures are not
        copied, a note beside the artifact says where the catalogue is.

    Raises:
        DataError: If a category of the sample has no product, or the catalogue is not the indexed one.
    """

    def write(part_dir: Path) -> Made:
        products, images = _read_index(index_dir, config.categories)
        products = choose_products(products, config)
        write_table(part_dir / "products.parquet", products.select(SAMPLE_PRODUCTS.names), SAMPLE_PRODUCTS)
        write_table(part_dir / "rejected.parquet", _rejected_images(index_dir, products), REJECTED)
        num_images, num_bytes = _write_images(catalogue_path, products, images, part_dir, config)
        return Made(
            {
                "num_categories": pc.count_distinct(products["category_id"]).as_py(),
                "num_products": len(products),
                "num_images": num_images,
                "num_bytes": num_bytes,
                **({} if config.pictures == "copied" else {"pictures": config.pictures}),
            }
        )

    made = make(SampleResult, sample_recipe(index_dir, config), artifacts_dir, write)
    if config.pictures == "in_catalogue":
        sample_dir = Path(made["path"])
        # Whether it was made or found: the catalogue may have been moved since.
        write_note(sample_dir, probe_catalogue(sample_dir, catalogue_path.absolute()))
    return made


def check_sample(sample_dir: Path) -> None:
    """Check that a sample is whole, and that the pictures that it left in a catalogue are still there.

    Raises:
        DataError: If a file is missing, or some pictures all over the catalogue are not those that were drawn.
    """
    if read_manifest(sample_dir)["config"].get("pictures") == "in_catalogue":
        probe_catalogue(sample_dir, read_note(sample_dir).catalogue)
