"""Encoded pictures that a sample left in the catalogue: read where they lie, each compared with its hash."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import Array, c_ubyte
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash

from cdiscount_tasks.artifacts.byte_ranges import ByteRanges, Place, made_new, open_ranges
from cdiscount_tasks.artifacts.catalogue_note import CatalogueNote, read_note
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.near_ranges import widest_gap
from cdiscount_tasks.tables.numbers import numpy_hashes, numpy_numbers
from cdiscount_tasks.tables.parquet import open_table, read_row_groups
from cdiscount_tasks.tables.sample_files import SampleFiles, sample_files

_PLACE = np.dtype([("offset", "<i8"), ("length", "<i4"), ("content_hash", "V16")])
"""Where a picture lies in the catalogue, and the hash of its bytes."""

_GAP_BYTES = 16 << 10
"""Pictures of a file that lie no further apart are read with what is between them: of a whole catalogue, 50 bytes."""

_RUN_BYTES = 1 << 20
"""So much is read at once, beside the pictures themselves."""

_RUNS_AHEAD = 32
"""So many readings are announced: a disk delivers more when more is asked of it, and so does a bucket."""

_READ_AT_ONCE = 4096
_NUM_PROBED = 64


class _Run(NamedTuple):
    """What is read at once: some of the wanted pictures, in the order of the file, and the bytes that they are in."""

    pictures: slice
    start: int
    stop: int


def _runs(offsets: np.ndarray, lengths: np.ndarray, is_remote: bool) -> list[_Run]:
    """Cut pictures, ascending by offset, into what is read at once."""
    if not len(offsets):
        return []
    ends = np.maximum.accumulate(offsets + lengths)
    gaps = offsets[1:] - ends[:-1]
    is_far = gaps > (widest_gap(gaps, int(lengths.sum())) if is_remote else _GAP_BYTES)
    # Cut where another block of the file begins as well: a run has at most a block, and a picture.
    is_far |= np.diff(offsets // _RUN_BYTES) > 0
    edges = [0, *(np.flatnonzero(is_far) + 1).tolist(), len(offsets)]
    return [_Run(slice(first, stop), int(offsets[first]), int(ends[stop - 1])) for first, stop in pairwise(edges)]


class ImagesInCatalogue:
    """A sample's pictures by row, which lie in the catalogue."""

    def __init__(self, files: SampleFiles, note: CatalogueNote | None = None) -> None:
        """Find the catalogue.

        Args:
            files: Of the sample.
            note: Where the catalogue is; None: as the note beside the sample says.

        Raises:
            DataError: If the note or the catalogue is missing, or the catalogue is too short.
        """
        self._files = files
        self._catalogue, least_bytes = read_note(files.sample_dir) if note is None else note
        self._object: ByteRanges | None = None
        with self._faults_told(), self._opened() as file:
            num_bytes = file.size
        if num_bytes < least_bytes:
            raise DataError(
                f"{self._catalogue}: the catalogue has {num_bytes:,} bytes, expected at least {least_bytes:,}, where "
                f"the last image of {files.sample_dir.name} ends; it was cut or replaced: fetch it again, and trigger "
                "a new run"
            )
        self._held: tuple[int, np.ndarray] = (-1, np.zeros(0, _PLACE))

    def __len__(self) -> int:
        """Return the number of pictures."""
        return self._files.starts[-1]

    def _kept(self, file: ByteRanges) -> Iterator[ByteRanges]:
        """Keep what is open, but after a fault: then ranges are announced that nobody will read."""
        try:
            yield file
        except BaseException:
            file.close()
            self._object = None
            raise

    @contextmanager
    def _opened(self) -> Iterator[ByteRanges]:
        """Open the catalogue: a file each time, an object once, so that all pictures are of the same one."""
        if self._object is not None:
            yield from self._kept(self._object)
        elif isinstance(self._catalogue, Path):
            with open_ranges(self._catalogue) as file:
                yield file
        else:
            self._object = open_ranges(self._catalogue)
            yield from self._kept(self._object)

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
            raise DataError(
                f"{self._catalogue}: the catalogue cannot be read ({error.strerror}), in which the images of "
                f"{self._files.sample_dir.name} are; put the file back, or set CDISCOUNT_CATALOGUE to where it is now "
                "and trigger a new run"
            ) from error

    def read_places(self, group: int) -> np.ndarray:
        """Return where the pictures of a row group lie: [num_rows], of offset, length and content_hash."""
        if self._held[0] != group:
            path, number = self._files.groups[group]
            with open_table(path) as file:
                table = read_row_groups(path, file, [number], list(_PLACE.names or ()))
            places = np.empty(len(table), _PLACE)
            places["offset"], places["length"] = numpy_numbers(table["offset"]), numpy_numbers(table["length"])
            places["content_hash"] = numpy_hashes(table["content_hash"])
            self._held = group, places
        return self._held[1]

    def _places_of(self, rows: np.ndarray) -> np.ndarray:
        places = np.empty(len(rows), _PLACE)
        groups = np.searchsorted(self._files.starts, rows, side="right") - 1
        for group in np.unique(groups).tolist():
            here = groups == group
            places[here] = self.read_places(group)[rows[here] - self._files.starts[group]]
        return places

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Return the JPEG bytes of the given rows, in the order asked for; they are read in the order of the file.

        Raises:
            DataError: If the catalogue is missing, or a picture is not the one that was drawn.
        """
        wanted = np.asarray(rows, np.int64)
        places = self._places_of(wanted)
        order = np.argsort(places["offset"], kind="stable")
        places = places[order]
        pictures = [b""] * len(rows)
        with self._faults_told(), self._opened() as file:
            runs = _runs(places["offset"], places["length"], file.is_remote)
            for run in runs[:_RUNS_AHEAD]:
                file.advise(run.start, run.stop)
            for number, run in enumerate(runs):
                for ahead in runs[number + _RUNS_AHEAD : number + _RUNS_AHEAD + 1]:
                    file.advise(ahead.start, ahead.stop)
                found, at = file.read(run.start, run.stop), order[run.pictures].tolist()
                for place, (offset, length, content_hash) in zip(at, places[run.pictures].tolist(), strict=True):
                    picture = found[offset - run.start : offset - run.start + length]
                    if xxhash.xxh3_128_digest(picture) != content_hash:
                        raise self._changed(int(wanted[place]), offset, picture, content_hash)
                    pictures[place] = picture
        return pictures

    def _changed(self, row: int, offset: int, picture: bytes, content_hash: bytes) -> DataError:
        group = self._files.group_of(row)
        path, number = self._files.groups[group]
        with open_table(path) as file:
            keys = read_row_groups(path, file, [number], ["product_id", "image_number"])
        product_id, image_number = (numpy_numbers(column)[row - self._files.starts[group]] for column in keys.columns)
        return DataError(
            f"{self._catalogue}: image {image_number} of product {product_id} (byte {offset}) has the hash "
            f"{xxhash.xxh3_128_hexdigest(picture)}, expected {content_hash.hex()}: the catalogue changed since "
            f"{self._files.sample_dir.name} was drawn; compare it with its source, and fetch it again if it is "
            f"damaged; to index it as it is now, {made_new(self._catalogue)} and trigger a new run"
        )

    def in_any_order(self) -> "Callable[[], ScatteredInCatalogue]":
        """Return what opens the pictures for reading in any order, also in processes that this one starts.

        They share 28 bytes a picture: where it lies, and its hash.
        """
        shared = multiprocessing.get_context("spawn").RawArray("B", max(len(self), 1) * _PLACE.itemsize)
        places = np.frombuffer(memoryview(shared), _PLACE)
        for group in range(len(self._files.groups)):
            places[self._files.starts[group] : self._files.starts[group + 1]] = self.read_places(group)
        return partial(ScatteredInCatalogue, self._files.sample_dir, shared)


class ScatteredInCatalogue(ImagesInCatalogue):
    """A sample's pictures for reading in any order: where each lies is in memory that processes share."""

    def __init__(self, sample_dir: Path, places: "Array[c_ubyte]") -> None:
        """Take where the pictures of a finished sample lie."""
        super().__init__(sample_files(sample_dir))
        self._places = np.frombuffer(memoryview(places), _PLACE)

    def _places_of(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self._places[rows])

    def verify(self) -> int:
        """Read every picture once, in the order of the file; returns how many there are.

        Raises:
            DataError: If one is not the one that was drawn.
        """
        order = np.argsort(self._places["offset"][: len(self)], kind="stable")
        for first in range(0, len(order), _READ_AT_ONCE):
            self.read(order[first : first + _READ_AT_ONCE].tolist())
        return len(order)


def probe_catalogue(sample_dir: Path, catalogue_path: Place) -> CatalogueNote:
    """Read some pictures of a sample out of a catalogue, from all over the file; returns the note that names it.

    Args:
        sample_dir: Finished sample artifact that left its pictures in the catalogue.
        catalogue_path: Where the catalogue is now.

    Raises:
        DataError: If it is missing, too short, or one of the pictures is not the one that was drawn.
    """
    files = sample_files(sample_dir)
    unknown = ImagesInCatalogue(files, CatalogueNote(catalogue_path, 0))
    last_row = num_bytes = 0
    for group, start in enumerate(files.starts[:-1]):
        places = unknown.read_places(group)
        ends = places["offset"] + places["length"]
        if len(ends) and ends.max() > num_bytes:
            last_row, num_bytes = start + int(ends.argmax()), int(ends.max())
    note = CatalogueNote(catalogue_path, num_bytes)
    probed = np.linspace(0, len(unknown) - 1, min(_NUM_PROBED, len(unknown))).astype(int).tolist()
    ImagesInCatalogue(files, note).read([*probed, last_row] if probed else [])
    return note
