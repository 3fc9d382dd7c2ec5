"""Encoded pictures of a sample by row: out of its own Parquet files, or out of the catalogue where they were left."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from ctypes import Array, c_ubyte
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import xxhash

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.images_in_catalogue import ImagesInCatalogue
from cdiscount_tasks.tables.numbers import numpy_hashes, numpy_numbers
from cdiscount_tasks.tables.parquet import open_table, read_row_groups, read_table
from cdiscount_tasks.tables.sample_files import SampleFile, SampleFiles, sample_files
from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES
from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT, ImageSource

_LENGTH_BYTES = 4
"""Before each value of a column of bytes, in Parquet's plain encoding, stands its length."""

_PLACE = np.dtype([("offset", "<i8"), ("length", "<u4"), ("check", "<u4")])
"""Where a picture lies in its file, and the last 32 bits of its hash; offset 0: it is not known yet."""

_KEYS = ("product_id", "image_number", "category_id", "content_hash")


class SampleImages:
    """A sample's pictures by row, in the order of its files: by product_id, then image_number."""

    def __init__(self, sample_dir: Path) -> None:
        """Open the sample's pictures, wherever they lie.

        Raises:
            DataError: If a file is damaged or there is none, or the catalogue that has the pictures is not there.
        """
        files = sample_files(sample_dir)
        self._images = ImagesInCatalogue(files) if files.in_catalogue else CopiedImages(files)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._images)

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Return the JPEG bytes of the given rows, in the order asked for; ascending rows are the quickest.

        Raises:
            DataError: If a file is damaged, or a picture in the catalogue is not the one that was drawn.
        """
        return self._images.read(rows)

    def in_any_order(self) -> Callable[[], ImageSource]:
        """Return what opens the pictures for reading in any order, also in processes that this one starts."""
        return self._images.in_any_order()


def verify_left_images(sample_dir: Path) -> int:
    """Compare each picture that a sample left in the catalogue with its hash; returns how many it left there.

    Raises:
        DataError: If the catalogue is missing or too short, or a picture is not the one that was drawn.
    """
    files = sample_files(sample_dir)
    return ImagesInCatalogue(files).in_any_order()().verify() if files.in_catalogue else 0


class CopiedImages:
    """A sample's pictures by row, which were copied into its files."""

    def __init__(self, files: SampleFiles) -> None:
        """Take the sample's image files."""
        self._files, self._starts = files, files.starts
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
        path, number = self._files.groups[group]
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
        return [self._read_picture(row, self._files.group_of(row)) for row in rows]

    def in_any_order(self) -> "Callable[[], ScatteredImages]":
        """Return what opens the pictures for reading in any order, also in processes that this one starts.

        They share 16 bytes a picture: where those lie that one of them has found.
        """
        places = multiprocessing.get_context("spawn").RawArray("B", max(len(self), 1) * _PLACE.itemsize)
        return partial(ScatteredImages, self._files.sample_dir, places)


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


class ScatteredImages(CopiedImages):
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
        super().__init__(sample_files(sample_dir))
        self._places = np.frombuffer(memoryview(places), _PLACE)

    def _read_group(self, group: int) -> list[bytes]:
        pictures = super()._read_group(group)
        path, number = self._files.groups[group]
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
            with self._files.groups[group][0].open("rb", buffering=0) as file:
                picture = os.pread(file.fileno(), length, offset)
        except OSError:
            return None
        return picture if _check_of(picture) == check else None


def read_image_keys(sample_dir: Path, columns: Sequence[str] = _KEYS) -> dict[str, np.ndarray]:
    """Return what is known of a sample's pictures, by row.

    Args:
        sample_dir: Finished sample artifact.
        columns: Of product_id, image_number, category_id and content_hash.

    Returns:
        By column: int64, int8, int64, and V16 (whose `tolist` gives bytes); each [num_images].

    Raises:
        DataError: If a file is damaged, or there is none.
    """
    files = sample_files(sample_dir)
    found = {
        name: np.empty(
            files.starts[-1], "V16" if name == "content_hash" else SAMPLE_IMAGES.field(name).type.to_pandas_dtype()
        )
        for name in columns
    }
    start = 0
    for file in files.files:
        table = read_table(file.path, files.schema, list(columns))
        for name in columns:
            convert = numpy_hashes if name == "content_hash" else numpy_numbers
            found[name][start : start + len(table)] = convert(table[name])
        start += len(table)
    return found


def _rows_in_file(files: SampleFiles, file: SampleFile, product_ids: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return which rows of a file have the given images: int64, [num_images]; -1: none has."""
    table = read_table(file.path, files.schema, ["product_id", "image_number"])
    ids_here, numbers_here = (numpy_numbers(column) for column in table.columns)
    rows = np.full(len(product_ids), -1)
    first = np.searchsorted(ids_here, product_ids)
    for step in range(MAX_IMAGES_PER_PRODUCT if len(ids_here) else 0):
        at = np.minimum(first + step, len(ids_here) - 1)
        is_it = (ids_here[at] == product_ids) & (numbers_here[at] == numbers)
        rows[is_it] = at[is_it]
    return rows


def rows_of(sample_dir: Path, product_ids: np.ndarray, image_numbers: np.ndarray) -> np.ndarray:
    """Return the rows of the given images in a sample's files; only files that can hold one are read.

    Args:
        sample_dir: Finished sample artifact.
        product_ids: int64, [num_images].
        image_numbers: int8, [num_images].

    Returns:
        int64, [num_images].

    Raises:
        DataError: If an image is not in the sample.
    """
    files = sample_files(sample_dir)
    product_ids = np.asarray(product_ids, np.int64)
    order = np.argsort(product_ids, kind="stable")
    sorted_ids, sorted_numbers = product_ids[order], np.asarray(image_numbers)[order]
    found, start = np.full(len(order), -1), 0
    for file in files.files:
        first, last = file.product_ids
        here = slice(np.searchsorted(sorted_ids, first), np.searchsorted(sorted_ids, last, side="right"))
        if here.start < here.stop:
            rows = _rows_in_file(files, file, sorted_ids[here], sorted_numbers[here])
            found[here] = np.where(rows < 0, found[here], rows + start)
        start += sum(file.num_rows)
    rows = np.empty_like(found)
    rows[order] = found
    if len(rows) and rows.min() < 0:
        lost = int(np.argmax(rows < 0))
        raise DataError(
            f"{sample_dir}: image {image_numbers[lost]} of product {product_ids[lost]} is not in the sample that the "
            "labels were made from; run again from draw_sample"
        )
    return rows
