"""The features artifact, read for whoever learns from it or compares pictures by it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import open_table, read_row_groups, read_table
from cdiscount_tasks.tables.schemas import features_schema


def vector_lists(vectors: np.ndarray) -> pa.FixedSizeListArray:
    """Return vectors, float32, [num_images, num_features], as a column of the features' table."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])


def _checked(path: Path, vectors: np.ndarray) -> np.ndarray:
    """Return vectors that are numbers: a classifier learnt on others would fail, or say nothing of worth."""
    if not np.isfinite(vectors).all():
        raise DataError(f"{path}: holds features that are no finite numbers; remove {path.parent} and run again")
    return vectors


def read_features(features_dir: Path) -> np.ndarray:
    """Read the vectors of all pictures.

    Returns:
        float32, [num_images, sides, num_features]: of each picture, then, where sides is 2, of its mirror image; row
        for row as the labels' `images.parquet`.

    Raises:
        DataError: If the file is missing or damaged, or holds no finite numbers.
    """
    path = features_dir / "features.parquet"
    with open_table(path) as file:
        num_features = file.schema_arrow.field("vector").type.list_size
        sides = [name for name in ("vector", "mirrored_vector") if name in file.schema_arrow.names]
    table = read_table(path, features_schema(num_features, mirrored=len(sides) > 1), sides)
    vectors = np.empty((table.num_rows, len(sides), num_features), np.float32)
    for side, name in enumerate(sides):
        first = 0
        for chunk in table[name].chunks:
            vectors[first : first + len(chunk), side] = chunk.flatten().to_numpy().reshape(-1, num_features)
            first += len(chunk)
    return _checked(path, vectors)


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
    return np.concatenate([vectors for _, vectors in iter_features(features_dir, np.flatnonzero(wanted), len(wanted))])


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
    path = features_dir / "features.parquet"
    with open_table(path) as file:
        if file.metadata.num_rows != num_rows:
            raise DataError(
                f"{path}: has the features of {file.metadata.num_rows} pictures, expected those of the {num_rows} that "
                "the labels keep; run again from extract_features"
            )
        first = 0
        for group in range(file.num_row_groups):
            length = file.metadata.row_group(group).num_rows
            wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + length)]
            if len(wanted):
                column = read_row_groups(path, file, [group])["vector"].combine_chunks()
                yield wanted, _checked(path, column.flatten().to_numpy().reshape(length, -1)[wanted - first])
            first += length
