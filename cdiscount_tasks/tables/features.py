"""The features artifact: how its vectors are written, and how whoever learns or compares pictures by them reads them.

They are kept in half precision: half of the disk and of the memory, and rounded by less than 0.05 % each
(docs/decisions/0029-features-in-half-precision.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import open_table, read_row_groups, write_whole_groups
from cdiscount_tasks.tables.schemas import VECTOR_SIDES, features_schema

ROWS_PER_GROUP = 4096
"""What is read at a time, at least: of 1,280 features and both sides 20 MB."""

_MOST_LOST = 1e-3
"""Of the largest number: rounding takes up to 0.0005 of each."""


class FeaturesShape(NamedTuple):
    """How many vectors there are, and how long each is."""

    num_images: int
    num_sides: int
    num_features: int


def vector_lists(vectors: np.ndarray, source: str) -> pa.FixedSizeListArray:
    """Return vectors as a column of the features' table.

    Args:
        vectors: float32, [num_images, num_features], finite.
        source: What made them, for the sentence of the refusal.

    Raises:
        DataError: If half precision does not hold them: the large ones would become infinite, or all of them 0.
    """
    largest = np.abs(vectors).max(initial=0)
    with np.errstate(over="ignore"):
        halved = vectors.astype(np.float16)
    if np.abs(halved - vectors).max(initial=0) > _MOST_LOST * largest:
        raise DataError(
            f"{source}: makes features of up to {largest:.3g}, expected 0.0001 to 65,504: they are kept in half "
            "precision, which holds no others; check the file of weights, or take a different network"
        )
    return pa.FixedSizeListArray.from_arrays(pa.array(halved.reshape(-1)), vectors.shape[1])


def write_features(
    path: Path, schema: pa.Schema, images: pa.Table, pieces: Iterable[Sequence[np.ndarray]], source: str
) -> None:
    """Write the features of all images as they come: all of them need not fit into memory.

    Args:
        path: `features.parquet`, which is made.
        schema: What `features_schema` gives.
        images: Columns product_id and image_number, in this order.
        pieces: Of some images after the other, by side: float32, [n, num_features], finite.
        source: What made them, for the sentence of the refusal.

    Raises:
        DataError: If half precision does not hold them.
    """

    def tables() -> Iterator[pa.Table]:
        done = 0
        for sides in pieces:
            some = images.slice(done, len(sides[0]))
            lists = (vector_lists(vectors, source) for vectors in sides)
            yield pa.table([*some.columns, *lists], schema=schema)
            done += len(some)

    write_whole_groups(path, tables(), schema, ROWS_PER_GROUP)


def read_features_shape(features_dir: Path) -> FeaturesShape:
    """Return how many vectors an artifact has.

    Raises:
        DataError: If the file is missing or damaged, or has other columns.
    """
    path = features_dir / "features.parquet"
    with open_table(path) as file:
        found = file.schema_arrow
        vector = found.field("vector").type if "vector" in found.names else pa.null()
        for num_sides in (1, 2) if pa.types.is_fixed_size_list(vector) else ():
            for number in (pa.float16(), pa.float32()):  # earlier versions kept them in float32
                if found.equals(features_schema(vector.list_size, num_sides > 1, number)):
                    return FeaturesShape(file.metadata.num_rows, num_sides, vector.list_size)
        raise DataError(f"{path}: has the columns {found.names}, expected those of features; clear extract_features")


def _iter_groups(
    features_dir: Path, sides: Sequence[str], wanted: np.ndarray | None = None
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield, row group by row group, the first row, the number of rows and the vectors, [rows, sides, num_features].

    Args:
        features_dir: Finished features artifact.
        sides: Names of columns.
        wanted: int64, ascending: groups without any of these rows are not read; None: all are.
    """
    path = features_dir / "features.parquet"
    with open_table(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            length = file.metadata.row_group(group).num_rows
            if wanted is None or np.searchsorted(wanted, first) < np.searchsorted(wanted, first + length):
                rows = read_row_groups(path, file, [group], sides)
                columns = [rows[side].combine_chunks().flatten().to_numpy().reshape(length, -1) for side in sides]
                yield first, length, _checked(path, np.stack(columns, axis=1))
            first += length


def _checked(path: Path, vectors: np.ndarray) -> np.ndarray:
    """Return vectors that are numbers: a classifier learnt on others would fail, or say nothing of worth."""
    if not np.isfinite(vectors).all():
        raise DataError(f"{path}: holds features that are no finite numbers; remove {path.parent} and run again")
    return vectors


def iter_all_features(features_dir: Path) -> Iterator[np.ndarray]:
    """Read the vectors of all pictures and their mirror images, row group by row group.

    Yields:
        float16, [n, num_sides, num_features]: of the next pictures.

    Raises:
        DataError: If the file is missing or damaged, or holds no finite numbers.
    """
    sides = VECTOR_SIDES[: read_features_shape(features_dir).num_sides]
    for _, _, vectors in _iter_groups(features_dir, sides):
        yield vectors.astype(np.float16, copy=False)


def read_features(features_dir: Path) -> np.ndarray:
    """Read the vectors of all pictures: for samples of which they fit into memory.

    Returns:
        float32, [num_images, num_sides, num_features]: of each picture, then, where num_sides is 2, of its mirror
        image; row for row as the labels' `images.parquet`.

    Raises:
        DataError: If the file is missing or damaged, or holds no finite numbers.
    """
    shape = read_features_shape(features_dir)
    vectors = np.empty(shape, np.float32)
    for first, length, some in _iter_groups(features_dir, VECTOR_SIDES[: shape.num_sides]):
        vectors[first : first + length] = some
    return vectors


def read_features_of(features_dir: Path, wanted: np.ndarray) -> np.ndarray:
    """Read the vectors of some pictures, not of their mirror images, with no more in memory than these.

    Args:
        features_dir: Finished features artifact.
        wanted: bool, [num_images], row for row as the labels' `images.parquet`; at least one.

    Returns:
        float32, [number of wanted pictures, num_features].

    Raises:
        DataError: If the file is missing or damaged, of other pictures, or holds no finite numbers.
    """
    rows = np.flatnonzero(wanted)
    found = np.empty((len(rows), read_features_shape(features_dir).num_features), np.float32)
    done = 0
    for some, vectors in iter_features(features_dir, rows, len(wanted)):
        found[done : done + len(some)] = vectors
        done += len(some)
    return found


def iter_features(features_dir: Path, rows: np.ndarray, num_rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read the vectors of some pictures, row group by row group: some 20 MB at a time, however many there are.

    Args:
        features_dir: Finished features artifact.
        rows: int64, ascending: which rows of the labels' `images.parquet`.
        num_rows: How many rows that has.

    Yields:
        Some of the rows, int64, [n], and their vectors (not those of mirror images), float32, [n, num_features].

    Raises:
        DataError: If the file is missing or damaged, of other pictures, or holds no finite numbers.
    """
    num_images = read_features_shape(features_dir).num_images
    if num_images != num_rows:
        raise DataError(
            f"{features_dir / 'features.parquet'}: has the features of {num_images} pictures, expected those of the "
            f"{num_rows} that the labels keep; run again from extract_features"
        )
    for first, length, vectors in _iter_groups(features_dir, VECTOR_SIDES[:1], rows):
        wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + length)]
        yield wanted, vectors[wanted - first, 0].astype(np.float32)
