"""A sample that left its images in a catalogue, made without a catalogue's documents: a file of blobs and of gaps."""

from pathlib import Path

import pyarrow as pa
import xxhash

from cdiscount_tasks.artifacts.catalogue_note import CatalogueNote, write_note
from cdiscount_tasks.tables.parquet import TableWriter
from cdiscount_tasks.tables.schemas import SAMPLE_PLACES


def write_blobs(path, blobs, gaps):
    """Write blobs one after another, a gap before each; returns the offset of each."""
    offsets, content = [], bytearray()
    for blob, gap in zip(blobs, gaps, strict=True):
        content += b"-" * gap
        offsets.append(len(content))
        content += blob
    Path(path).write_bytes(bytes(content) + b"the end")
    return offsets


def write_places(folder, keys, blobs, offsets, rows_per_group=4, rows_per_file=10):
    """Write the files of a sample.

    Args:
        folder: Of the sample.
        keys: (product_id, image_number), ascending.
        blobs: The image of each.
        offsets: Where each is in the catalogue.
        rows_per_group: Of a file.
        rows_per_file: Of the sample.
    """
    folder.mkdir()
    for first in range(0, max(len(keys), 1), rows_per_file):
        here = slice(first, first + rows_per_file)
        table = pa.table(
            {
                "product_id": [key[0] for key in keys[here]],
                "image_number": [key[1] for key in keys[here]],
                "category_id": [5 for _ in keys[here]],
                "content_hash": [xxhash.xxh3_128_digest(blob) for blob in blobs[here]],
                "offset": offsets[here],
                "length": [len(blob) for blob in blobs[here]],
            },
            schema=SAMPLE_PLACES,
        )
        with TableWriter(folder / f"images-{first:05d}.parquet", SAMPLE_PLACES, rows_per_group) as writer:
            writer.write(table)
    return folder


def write_left_sample(folder, blobs, gaps, order=None):
    """Write a catalogue of blobs, a sample of them and its note.

    Args:
        folder: Where to.
        blobs: Of each row of the sample.
        gaps: Bytes before each.
        order: Of the blobs in the file; None: that of the rows.

    Returns:
        The sample's folder, and the catalogue.
    """
    order = list(range(len(blobs))) if order is None else order
    catalogue_path = folder / "catalogue.bson"
    offsets = [0] * len(blobs)
    for row, offset in zip(order, write_blobs(catalogue_path, [blobs[row] for row in order], gaps), strict=True):
        offsets[row] = offset
    keys = [(row // 3, row % 3) for row in range(len(blobs))]
    sample_dir = write_places(folder / "sample-0123456789abcdef", keys, blobs, offsets)
    ends = [offset + len(blob) for offset, blob in zip(offsets, blobs, strict=True)]
    write_note(sample_dir, CatalogueNote(catalogue_path, max(ends, default=0)))
    return sample_dir, catalogue_path
