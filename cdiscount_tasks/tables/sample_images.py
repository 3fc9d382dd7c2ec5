"""Encoded pictures out of a sample's Parquet files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import open_table, read_row_groups, read_table
from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES
from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT


class SampleImages:
    """A sample's pictures by row, in the order of its files: by product_id, then image_number."""

    def __init__(self, sample_dir: Path) -> None:
        """Open the sample's image files."""
        self._groups: list[tuple[Path, int]] = []
        sizes = []
        for path in sorted(sample_dir.glob("images-*.parquet")):
            with open_table(path) as file:
                self._groups += [(path, group) for group in range(file.num_row_groups)]
                sizes += [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        # One file is open at a time: the largest sample has more files than a process may hold open.
        self._file: tuple[Path, pq.ParquetFile] | None = None
        self._held: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        """Return the number of pictures."""
        return int(self._starts[-1])

    def _open(self, path: Path) -> pq.ParquetFile:
        if self._file is None or self._file[0] != path:
            if self._file is not None:
                self._file[1].close()
            self._file = path, open_table(path)
        return self._file[1]

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Return the JPEG bytes of the given rows, in the order asked for; ascending rows are the quickest.

        Raises:
            DataError: If a file is damaged.
        """
        pictures = []
        for row in rows:
            group = int(np.searchsorted(self._starts, row, side="right")) - 1
            if self._held[0] != group:
                path, number = self._groups[group]
                column = read_row_groups(path, self._open(path), [number], ["jpeg"])["jpeg"]
                self._held = (group, column.to_pylist())
            pictures.append(self._held[1][row - int(self._starts[group])])
        return pictures


def read_image_keys(sample_dir: Path) -> dict[str, np.ndarray]:
    """Return product_id, image_number, category_id and content_hash (as bytes of 16) of a sample's pictures, by row.

    Raises:
        DataError: If a file is damaged, or there is none.
    """
    columns = ["product_id", "image_number", "category_id", "content_hash"]
    tables = [read_table(path, SAMPLE_IMAGES, columns) for path in sorted(sample_dir.glob("images-*.parquet"))]
    if not tables:
        raise DataError(
            f"{sample_dir}: has no file images-*.parquet, expected at least one; remove the folder and run again from "
            "draw_sample"
        )
    return {name: np.concatenate([table[name].to_numpy() for table in tables]) for name in columns}


def rows_of(sample_dir: Path, product_ids: np.ndarray, image_numbers: np.ndarray) -> np.ndarray:
    """Return the rows of the given images in a sample's files.

    Args:
        sample_dir: Finished sample artifact.
        product_ids: int64, [num_images].
        image_numbers: int8, [num_images].

    Returns:
        int64, [num_images].

    Raises:
        DataError: If an image is not in the sample.
    """
    keys = read_image_keys(sample_dir)
    ids = np.unique(keys["product_id"])
    # By rank: ids of 64 bits times the number of images would overflow.
    place = np.searchsorted(ids, keys["product_id"]) * MAX_IMAGES_PER_PRODUCT + keys["image_number"]
    wanted = np.searchsorted(ids, product_ids) * MAX_IMAGES_PER_PRODUCT + image_numbers
    rows = np.minimum(np.searchsorted(place, wanted), len(place) - 1)
    found = (keys["product_id"][rows] == product_ids) & (keys["image_number"][rows] == image_numbers)
    if not found.all():
        lost = int(np.flatnonzero(~found)[0])
        raise DataError(
            f"{sample_dir}: image {image_numbers[lost]} of product {product_ids[lost]} is not in the sample that the "
            "labels were made from; run again from draw_sample"
        )
    return np.asarray(rows)
