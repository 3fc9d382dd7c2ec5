"""Some products out of an index, without reading the rest: by ordinal, by category, by picture."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.catalogue.reader import ProductPlace, read_pictures
from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.parquet import iter_row_groups, read_rows
from cdiscount_tasks.tables.schemas import PRODUCTS

_COLUMNS = ["product_id", "category_id", "offset", "length"]


def _places(rows: pa.Table) -> list[ProductPlace]:
    return [ProductPlace(**row) for row in rows.select(_COLUMNS).to_pylist()]


def products_at(index_dir: Path, ordinals: Iterable[int]) -> list[ProductPlace]:
    """Return the products at some ordinals of products.parquet, ascending."""
    wanted = np.array(sorted(set(ordinals)), np.int64)
    found: list[ProductPlace] = []
    start = 0
    for rows in iter_row_groups(index_dir / "products.parquet", _COLUMNS):
        here = wanted[(wanted >= start) & (wanted < start + len(rows))] - start
        found += _places(rows.take(pa.array(here)))
        start += len(rows)
    return found


def first_products(index_dir: Path, num_products: int) -> list[ProductPlace]:
    """Return the products that come first in the catalogue's file, in its order."""
    found: list[ProductPlace] = []
    for rows in iter_row_groups(index_dir / "products.parquet", _COLUMNS):
        found += _places(rows.take(pc.select_k_unstable(rows, min(num_products, len(rows)), [("offset", "ascending")])))
        found = sorted(found, key=lambda place: place.offset)[:num_products]
    return found


def draw_products(
    index_dir: Path, category_ids: Sequence[int], num_products: int, seed: int
) -> dict[int, list[ProductPlace]]:
    """Draw at most that many products of each category, with a seed; the same index gives the same ones."""
    rows = read_rows(index_dir / "products.parquet", PRODUCTS, "category_id", sorted(category_ids))
    category = rows["category_id"].to_numpy()
    drawn = {}
    for category_id in sorted(category_ids):
        ordinals = np.flatnonzero(category == category_id)
        random = np.random.default_rng([seed, category_id % 2**64])
        chosen = random.choice(ordinals, min(num_products, len(ordinals)), replace=False)
        drawn[category_id] = _places(rows.take(pa.array(np.sort(chosen))))
    return drawn


def places_of(index_dir: Path, products: Iterable[tuple[int, int]]) -> list[ProductPlace]:
    """Return the places of some products, each given as (category_id, product_id)."""
    wanted = set(products)
    rows = read_rows(index_dir / "products.parquet", PRODUCTS, "category_id", sorted({key[0] for key in wanted}))
    rows = rows.filter(pc.is_in(rows["product_id"], value_set=pa.array([key[1] for key in wanted], pa.int64())))
    return [place for place in _places(rows) if (place.category_id, place.product_id) in wanted]


def first_images(index_dir: Path, hashes: Sequence[bytes]) -> dict[bytes, tuple[int, int, int]]:
    """Return category_id, product_id and image_number of the first image with each content hash."""
    wanted = pa.array(hashes, pa.binary(16))
    found: dict[bytes, tuple[int, int, int]] = {}
    columns = ["content_hash", "category_id", "product_id", "image_number"]
    for rows in iter_row_groups(index_dir / "images.parquet", columns):
        for row in rows.filter(pc.is_in(rows["content_hash"], value_set=wanted)).to_pylist():
            found.setdefault(row["content_hash"], (row["category_id"], row["product_id"], row["image_number"]))
        if len(found) == len(set(hashes)):
            break
    return found


def pictures_of(
    catalogue_path: Place, index_dir: Path, product_ids: Iterable[int]
) -> Iterator[tuple[int, list[bytes]]]:
    """Read the pictures of some products in the order of the file; ids that the index lacks are left out.

    Yields:
        product_id, and its pictures as they are encoded.

    Raises:
        DataError: If the catalogue is not the indexed one.
    """
    wanted = pa.array(sorted(set(product_ids)), pa.int64())
    places: list[ProductPlace] = []
    for rows in iter_row_groups(index_dir / "products.parquet", _COLUMNS):
        places += _places(rows.filter(pc.is_in(rows["product_id"], value_set=wanted)))
    places.sort(key=lambda place: place.offset)
    for place, pictures in read_pictures(catalogue_path, places):
        yield place.product_id, pictures


def products_with(index_dir: Path, hashes: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Return product_id and content hash of every image that has one of the hashes; row group by row group."""
    columns = ["product_id", "content_hash"]
    parts = [
        rows.filter(pc.is_in(rows["content_hash"], value_set=hashes))
        for rows in iter_row_groups(index_dir / "images.parquet", columns)
    ]
    if not parts:
        return np.zeros(0, np.int64), pa.array([], pa.binary(16))
    found = pa.concat_tables(parts)
    return numpy_numbers(found["product_id"]), found["content_hash"].combine_chunks()
