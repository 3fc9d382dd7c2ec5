"""The features artifact, read for whoever learns from it or compares pictures by it."""

from pathlib import Path

import numpy as np

from cdiscount_tasks.storage.schemas import features_schema
from cdiscount_tasks.storage.tables import iter_row_groups, open_table, read_table


def read_features(features_dir: Path) -> np.ndarray:
    """Read the vectors of all pictures.

    Returns:
        float32, [num_images, sides, num_features]: of each picture, then, where sides is 2, of its mirror image; row
        for row as the labels' `images.parquet`.

    Raises:
        DataError: If the file is missing or damaged.
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
    return vectors


def read_features_of(features_dir: Path, wanted: np.ndarray) -> np.ndarray:
    """Read the vectors of some pictures, not of their mirror images, with no more in memory than these.

    Args:
        features_dir: Finished features artifact.
        wanted: bool, [num_images], row for row as the labels' `images.parquet`.

    Returns:
        float32, [number of wanted pictures, num_features].

    Raises:
        DataError: If the file is missing or damaged.
    """
    parts, first = [], 0
    for rows in iter_row_groups(features_dir / "features.parquet", ["vector"]):
        column = rows["vector"].combine_chunks()
        vectors = column.flatten().to_numpy().reshape(len(column), -1)
        parts.append(vectors[wanted[first : first + len(column)]])
        first += len(column)
    return np.concatenate(parts)
