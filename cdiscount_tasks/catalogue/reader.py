"""Encoded pictures out of the documents of the catalogue, checked against the index as they are read."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from cdiscount_tasks.artifacts.byte_ranges import ByteRanges, Place, made_new, open_ranges
from cdiscount_tasks.catalogue.document import Product, read_any
from cdiscount_tasks.catalogue.file import catalogue_faults_told
from cdiscount_tasks.catalogue.layout import NO_CATEGORY
from cdiscount_tasks.catalogue.usual_documents import read_usual, read_usual_documents
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.near_ranges import widest_gap
from cdiscount_tasks.tables.numbers import numpy_numbers, present_numbers
from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT

Integers = npt.NDArray[np.int64]

_BATCH_BYTES = 2 << 20
"""About 240 products: half of it and twice as much are no quicker."""

_LEAST_BUFFER_BYTES = 64

_BATCHES_AHEAD = 8
"""So many batches of an object's documents are asked for while one is looked at; a disk is told of one."""


class ProductPlace(NamedTuple):
    """A product as the index knows it."""

    product_id: int
    category_id: int | None
    offset: int
    length: int


class Places(NamedTuple):
    """Products as the index knows them, in columns; NO_CATEGORY represents a missing category_id."""

    product_ids: Integers
    category_ids: Integers
    offsets: Integers
    lengths: Integers

    def rows(self, rows: Integers | slice) -> "Places":
        """Return some of them."""
        return Places(*(column[rows] for column in self))


class Pictures(NamedTuple):
    """Where pictures lie in a buffer, by product and number; `products` are rows of the places asked for."""

    products: Integers
    numbers: Integers
    starts: Integers
    lengths: Integers


def _batches(lengths: Integers) -> list[slice]:
    """Cut documents into runs of about `_BATCH_BYTES`, none of them empty."""
    batch = (np.cumsum(lengths) - lengths) // _BATCH_BYTES
    edges = np.flatnonzero(np.diff(batch, prepend=-1)).tolist()
    return [slice(first, stop) for first, stop in pairwise([*edges, len(lengths)])]


class _Run(NamedTuple):
    """Documents [first, last) that follow one another in the file, and the bytes that they are read with."""

    first: int
    last: int
    start: int
    stop: int


def _runs(places: Places, is_remote: bool) -> list[_Run]:
    """Cut documents into what is read at once; of an object, with what lies between them where that is little."""
    if not len(places.lengths):
        return []
    ends = places.offsets + places.lengths
    gaps = places.offsets[1:] - ends[:-1]
    widest = widest_gap(gaps, int(places.lengths.sum())) if is_remote else 0
    edges = np.flatnonzero((gaps < 0) | (gaps > widest)) + 1
    firsts, lasts = np.concatenate([[0], edges]), np.concatenate([edges, [len(ends)]])
    columns = firsts, lasts, places.offsets[firsts], ends[lasts - 1]
    return list(map(_Run._make, zip(*(column.tolist() for column in columns), strict=True)))


def _since_indexed(catalogue_path: Place) -> str:
    """Say what to do about a catalogue that is not the indexed one.

    Its size, its time and a sample of its blocks decide whether it is indexed again: a byte that rots changes none.
    """
    return (
        "the catalogue changed since it was indexed: compare it with its source, and fetch it again if it is damaged; "
        f"to index it as it is now, {made_new(catalogue_path)} and trigger a new run"
    )


def _changed(catalogue_path: Place, places: Places, row: int) -> DataError:
    return DataError(
        f"{catalogue_path}: product {places.product_ids[row]} is no longer at byte {places.offsets[row]}; "
        f"{_since_indexed(catalogue_path)}"
    )


def _read_documents(file: ByteRanges, run: _Run, places: Places, view: memoryview) -> int:
    """Read documents with what lies between them; put them one after another into a view, and return their bytes."""
    found, num_read = file.read(run.start, run.stop), 0
    here = slice(run.first, run.last)
    for offset, length in zip((places.offsets[here] - run.start).tolist(), places.lengths[here].tolist(), strict=True):
        document = found[offset : offset + length]
        view[num_read : num_read + len(document)] = document
        num_read += len(document)
    return num_read


def _fill(file: ByteRanges, view: memoryview, places: Places, following: Places, catalogue_path: Place) -> None:
    """Read documents from their places, one after another into a buffer, and advise of as many that follow."""
    filled, stops = 0, np.cumsum(places.lengths).tolist()
    # In turn, not all advice first: the queue of the disk is never empty and seldom full, which is 10 % quicker.
    for run, ahead in zip_longest(_runs(places, file.is_remote), _runs(following, file.is_remote)):
        if ahead:
            file.advise(ahead[2], ahead[3])
        if run:
            _, last, start, end = run
            stop, shift = stops[last - 1], start - filled
            if stop - filled == end - start:
                while filled < stop and (num_read := file.read_into(view[filled:stop], filled + shift)):
                    filled += num_read
            else:
                filled += _read_documents(file, run, places, view[filled:stop])
            if filled < stop:
                raise _changed(catalogue_path, places, bisect_right(stops, filled))


def _usual_pictures(buffer: bytearray, places: Places) -> tuple[int, Pictures]:
    """Find the pictures of the documents in a buffer up to the first that is unusual, or not the indexed one."""
    end = int(places.lengths.sum())
    found = read_usual_documents(buffer, 0, end, end, len(places.lengths))
    indexed = places.rows(slice(len(found.starts)))
    is_indexed = (found.product_ids == indexed.product_ids) & (found.category_ids == indexed.category_ids)
    is_indexed &= found.lengths == indexed.lengths
    num_usual = len(is_indexed) if is_indexed.all() else int(np.argmin(is_indexed))
    num_images = int(np.searchsorted(found.document, num_usual))
    columns = (found.document, found.image_numbers, found.image_starts, found.image_lengths)
    return num_usual, Pictures(*(column[:num_images] for column in columns))


def _read_product(buffer: bytearray, start: int, place: list[int]) -> Product | None:
    """Read one document of any layout; None if it is not the one of its place."""
    product_id, category_id, _, length = place
    found = read_usual(buffer, start, length) or read_any(buffer, start, start + length)
    if not isinstance(found, Product) or (found.product_id, found.length) != (product_id, length):
        return None
    return found if category_id == (NO_CATEGORY if found.category_id is None else found.category_id) else None


def _find_pictures(buffer: bytearray, places: Places, catalogue_path: Place) -> Pictures:
    """Find the pictures of documents in a buffer, and check that the documents are those of their places."""
    num_usual, usual = _usual_pictures(buffer, places)
    start = int(places.lengths[:num_usual].sum())
    # From the first other document on they are read one by one: Kaggle's train.bson has none.
    others = []
    for row, place in enumerate(np.stack(places, 1)[num_usual:].tolist(), num_usual):
        product = _read_product(buffer, start, place)
        if product is None:
            raise _changed(catalogue_path, places, row)
        others += [(row, number, start + at, length) for number, (at, length) in enumerate(product.pictures)]
        start += product.length
    if not others:
        return usual
    return Pictures(*(np.concatenate(pair) for pair in zip(usual, np.array(others, np.int64).T, strict=True)))


def read_documents(catalogue_path: Place, places: Places) -> Iterator[tuple[memoryview, Pictures]]:
    """Read products' documents out of the catalogue, some 2 MB at a time, and check that they are the indexed ones.

    Args:
        catalogue_path: The catalogue.
        places: Its products, in the order of reading; that of the file is the quickest.

    Yields:
        A buffer and the pictures that lie in it, by row of `places`; the next step fills the buffer anew.

    Raises:
        DataError: If a place holds a document other than the indexed one.
    """
    batches = _batches(places.lengths)
    most_bytes = max((int(places.lengths[batch].sum()) for batch in batches), default=0)
    buffer = bytearray(max(most_bytes, _LEAST_BUFFER_BYTES))
    with (
        catalogue_faults_told(catalogue_path),
        open_ranges(catalogue_path) as file,
        memoryview(buffer) as view,
    ):
        ahead = _BATCHES_AHEAD if file.is_remote else 1
        for batch in batches[:ahead]:
            for run in _runs(places.rows(batch), file.is_remote):
                file.advise(run.start, run.stop)
        for batch, following in zip(batches, [*batches, *([slice(0)] * ahead)][ahead:], strict=True):
            here = places.rows(batch)
            _fill(file, view, here, places.rows(following), catalogue_path)
            found = _find_pictures(buffer, here, catalogue_path)
            yield view, found._replace(products=found.products + batch.start)


def read_pictures(catalogue_path: Place, places: Sequence[ProductPlace]) -> Iterator[tuple[ProductPlace, list[bytes]]]:
    """Read products' pictures out of the catalogue, in the order of their places, and check the documents.

    Raises:
        DataError: If a place holds a document other than the indexed one.
    """
    rows = [place if place.category_id is not None else place._replace(category_id=NO_CATEGORY) for place in places]
    columns = np.array(rows, np.int64).reshape(-1, len(ProductPlace._fields)).T
    for buffer, found in read_documents(catalogue_path, Places(*columns)):
        pictures: dict[int, list[bytes]] = {}
        for row, _, start, length in zip(*(column.tolist() for column in found), strict=True):
            pictures.setdefault(row, []).append(bytes(buffer[start : start + length]))
        yield from ((places[row], pictures_of_row) for row, pictures_of_row in pictures.items())


def _changed_image(catalogue_path: Place, places: Places, key: int) -> DataError:
    row, image_number = divmod(key, MAX_IMAGES_PER_PRODUCT)
    return DataError(
        f"{catalogue_path}: image {image_number} of product {places.product_ids[row]} (document at byte "
        f"{places.offsets[row]}) is not the indexed one; {_since_indexed(catalogue_path)}"
    )


def _places_of(products: pa.Table) -> Places:
    places = Places(*(numpy_numbers(products[name]).astype(np.int64) for name in ProductPlace._fields))
    # What a missing number's bytes hold is not defined.
    known = present_numbers(products["category_id"])
    return places._replace(category_ids=np.where(known, places.category_ids, NO_CATEGORY))


def _rows_by_key(places: Places, images: pa.Table) -> Integers:
    """Return the row of each image by its key, which is its product's row and its number; -1 where no row exists."""
    product_rows = np.searchsorted(places.product_ids, numpy_numbers(images["product_id"]))
    rows = np.full(len(places.product_ids) * MAX_IMAGES_PER_PRODUCT, -1)
    rows[product_rows * MAX_IMAGES_PER_PRODUCT + numpy_numbers(images["image_number"])] = np.arange(len(images))
    return rows


def iter_images(catalogue_path: Place, products: pa.Table, images: pa.Table) -> Iterator[tuple[int, memoryview]]:
    """Read indexed images out of the catalogue, each compared with its hash.

    Args:
        catalogue_path: The catalogue.
        products: Rows of the index's products, ascending by product_id; a category may be missing.
        images: Rows of the index's images of these products.

    Yields:
        The row of an image and its JPEG bytes, which are overwritten some steps later; in the order of the file.

    Raises:
        DataError: If a place holds a document or picture other than the indexed one.
    """
    places = _places_of(products)
    row_of = _rows_by_key(places, images)
    in_file_order = np.argsort(places.offsets)
    hashes = images["content_hash"].to_pylist()
    for buffer, found in read_documents(catalogue_path, places.rows(in_file_order)):
        keys = in_file_order[found.products] * MAX_IMAGES_PER_PRODUCT + found.numbers
        rows = row_of[keys]
        row_of[keys] = -1
        # A picture without a row was rejected by the index.
        pictures = np.stack([keys, rows, found.starts, found.starts + found.lengths], 1)[rows >= 0]
        for key, row, start, end in pictures.tolist():
            jpeg = buffer[start:end]
            if xxhash.xxh3_128_digest(jpeg) != hashes[row]:
                raise _changed_image(catalogue_path, places, key)
            yield row, jpeg
    if row_of.max(initial=-1) >= 0:
        raise _changed_image(catalogue_path, places, int(np.argmax(row_of >= 0)))


def read_images(catalogue_path: Place, products: pa.Table, images: pa.Table) -> pa.Array:
    """Read indexed images out of the catalogue as `iter_images` does, into a column: their JPEG bytes, row by row."""
    edges = np.concatenate([[0], np.cumsum(numpy_numbers(images["length"]), dtype=np.int64)])
    starts, ends = edges[:-1].tolist(), edges[1:].tolist()
    # Arrow keeps memory from one file to the next: fresh memory makes 87 MB of pictures a fifth slower.
    data = pa.allocate_buffer(int(edges[-1]))
    view = memoryview(data).cast("B")
    for row, jpeg in iter_images(catalogue_path, products, images):
        view[starts[row] : ends[row]] = jpeg
    return pa.Array.from_buffers(pa.large_binary(), len(images), [None, pa.py_buffer(edges), data])
