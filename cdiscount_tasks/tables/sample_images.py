"""Encoded pictures out of a sample's Parquet files."""

import multiprocessing
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from ctypes import Array, c_ubyte
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import xxhash

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import open_table, read_row_groups, read_table
from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES
from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT

_LENGTH_BYTES = 4
"""Before each value of a column of bytes, in Parquet's plain encoding, stands its length."""

_PLACE = np.dtype([("offset", "<i8"), ("length", "<u4"), ("check", "<u4")])
"""Where a picture lies in its file, and the last 32 bits of its hash; offset 0: it is not known yet."""


class SampleImages:
    """A sample's pictures by row, in the order of its files: by product_id, then image_number."""

    def __init__(self, sample_dir: Path) -> None:
        """Open the sample's image files."""
        self._sample_dir = sample_dir
        self._groups: list[tuple[Path, int]] = []
        self._starts = [0]
        for path in sorted(sample_dir.glob("images-*.parquet")):
            with open_table(path) as file:
                for group in range(file.num_row_groups):
                    self._groups.append((path, group))
                    self._starts.append(self._starts[-1] + file.metadata.row_group(group).num_rows)
        # One file is open at a time: the largest sample has more files than a process may hold open.
        self._file: tuple[Path, pq.ParquetFile] | None = None
        self._held: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        """Return the number of pictures."""
        return self._starts[-1]

    def _open(self, path: Path) -> pq.ParquetFile:
        if self._file is None or self._file[0] != path:
            if self._file is not None:
                self._file[1].close()
            self._file = path, open_table(path)
        return self._file[1]

    def _read_group(self, group: int) -> list[bytes]:
        path, number = self._groups[group]
        pictures: list[bytes] = read_row_groups(path, self._open(path), [number], ["jpeg"])["jpeg"].to_pylist()
        return pictures

    def _read_picture(self, row: int, group: int) -> bytes:
        if self._held[0] != group:
            self._held = group, self._read_group(group)
        return self._held[1][row - self._starts[group]]

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Return the JPEG bytes of the given rows, in the order asked for; ascending rows are the quickest.

        Raises:
            DataError: If a file is damaged.
        """
        return [self._read_picture(row, bisect_right(self._starts, row) - 1) for row in rows]

    def in_any_order(self) -> "Callable[[], ScatteredImages]":
        """Return what opens the pictures for reading in any order, also in processes that this one starts.

        They share 16 bytes a picture: where those lie that one of them has found.
        """
        places = multiprocessing.get_context("spawn").RawArray("B", max(len(self), 1) * _PLACE.itemsize)
        return partial(ScatteredImages, self._sample_dir, places)


def _find_pictures(column: bytes, pictures: Sequence[bytes]) -> list[int] | None:
    """Return where pictures lie in the plain bytes of their column, one after another; None: they do not."""
    places, at = [], 0
    for picture in pictures:
        at += _LENGTH_BYTES
        if not column.startswith(picture, at):  # a page begins here, and its header stands before the picture
            at = column.find(picture, at)
            if at < 0:
                return None
        places.append(at)
        at += len(picture)
    return places


def _check_of(picture: bytes) -> int:
    return xxhash.xxh3_64_intdigest(picture) & 0xFFFFFFFF


class ScatteredImages(SampleImages):
    """A sample's pictures for reading in any order: a row group of 3 MB is read once, not again for each picture.

    When it is read, with its checksums, the places of its pictures in the file are noted; from then on each is read by
    itself. Where that fails in any way the row group is read again, and says what is wrong.
    """

    def __init__(self, sample_dir: Path, places: "Array[c_ubyte]") -> None:
        """Open the sample's image files.

        Args:
            sample_dir: Finished sample artifact.
            places: 16 bytes a picture, zeros at first; processes may share them.
        """
        super().__init__(sample_dir)
        self._places = np.frombuffer(memoryview(places), _PLACE)

    def _read_group(self, group: int) -> list[bytes]:
        pictures = super()._read_group(group)
        path, number = self._groups[group]
        jpegs = self._open(path).metadata.row_group(number).column(SAMPLE_IMAGES.get_field_index("jpeg"))
        with path.open("rb", buffering=0) as file:
            column = os.pread(file.fileno(), jpegs.total_compressed_size, jpegs.data_page_offset)
        found = _find_pictures(column, pictures)
        if found is not None:
            noted = self._places[self._starts[group] : self._starts[group + 1]]
            noted["length"] = [len(picture) for picture in pictures]
            noted["check"] = [_check_of(picture) for picture in pictures]
            noted["offset"] = np.array(found) + jpegs.data_page_offset  # last: who sees it may use the other two
        return pictures

    def _read_picture(self, row: int, group: int) -> bytes:
        found = None if self._held[0] == group else self._read_at_its_place(row, group)
        return super()._read_picture(row, group) if found is None else found

    def _read_at_its_place(self, row: int, group: int) -> bytes | None:
        offset, length, check = self._places[row].item()
        if offset == 0:
            return None
        try:
            with self._groups[group][0].open("rb", buffering=0) as file:
                picture = os.pread(file.fileno(), length, offset)
        except OSError:
            return None
        return picture if _check_of(picture) == check else None


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
