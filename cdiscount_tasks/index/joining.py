"""Joining the scanned ranges of a catalogue: where one ends the next must begin, then their tables become one."""

import logging
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.catalogue.scan import scan_bytes
from cdiscount_tasks.index.checks import RejectedCounts, Totals, check_every_byte, check_rejected_shares
from cdiscount_tasks.index.merge import merge_sorted
from cdiscount_tasks.index.part_writer import PartWriter
from cdiscount_tasks.index.refusals import RefusedDocuments, refused_as_a_whole, rejected_rows
from cdiscount_tasks.tables.parquet import open_table, write_whole_groups
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED

logger = logging.getLogger(__name__)


class ScannedRange(NamedTuple):
    """A range as its scan left it.

    Attributes:
        part_dir: Its tables.
        byte_range: Its first byte, and the first one behind it.
        first_offset: Where its first document begins, as the scan guessed; None: it found none.
        end_offset: Where the last document that begins in it ends.
    """

    part_dir: Path
    byte_range: ByteRange
    first_offset: int | None
    end_offset: int


class WrittenTables(NamedTuple):
    """What was written: the totals of documents and bytes, the rows kept, and the pictures rejected."""

    totals: Totals
    num_products: int
    num_images: int
    num_rejected_images: int


def _scan_again(catalogue_path: Place, start: int, stop: int, part_dir: Path) -> int:
    """Scan from a document on that is known to begin at `start`; returns where the last one ends."""
    part_dir.mkdir(parents=True)
    writer = PartWriter(part_dir)
    scan = scan_bytes(catalogue_path, start, stop, begins_at_start=True, hash_blocks=False, write=writer.write)
    writer.finish(scan)
    return scan.end_offset


def join_ranges(catalogue_path: Place, ranges: Sequence[ScannedRange], aside_dir: Path) -> list[Path]:
    """Verify the seams: a range ends exactly where the next one began, else that one is scanned again.

    Args:
        catalogue_path: The BSON file.
        ranges: All of its ranges, in the order of the file.
        aside_dir: Where the tables go of what is scanned again.

    Returns:
        The directories whose tables together hold every document of the catalogue once.
    """
    true_offset = 0
    joined = []
    for scanned in ranges:
        start, stop = scanned.byte_range["start"], scanned.byte_range["stop"]
        if true_offset >= stop:
            continue
        if scanned.first_offset == true_offset:
            joined.append(scanned.part_dir)
            true_offset = scanned.end_offset
            continue
        logger.info(
            "range %d to %d: first document guessed at %s, it is at %d: scanned again",
            start, stop, scanned.first_offset, true_offset,
        )  # fmt: skip
        again_dir = aside_dir / f"{true_offset}"
        true_offset = _scan_again(catalogue_path, true_offset, stop, again_dir)
        joined.append(again_dir)
    return joined


def _merge_tables(joined: Sequence[Path], refused: RefusedDocuments, index_dir: Path) -> tuple[int, int]:
    """Merge the products and the images that are kept; returns how many there are of each."""

    def merge(name: str, schema: pa.Schema) -> int:
        return merge_sorted([path / name for path in joined], schema, index_dir / name, refused.keep)

    # Arrow and NumPy do most of it without Python's lock.
    with ThreadPoolExecutor(2) as pool:
        num_products, num_images = pool.map(merge, ("products.parquet", "images.parquet"), (PRODUCTS, IMAGES))
    return num_products, num_images


def _num_rows(path: Path) -> int:
    with open_table(path) as file:
        return int(file.metadata.num_rows)


def write_tables(
    catalogue_path: Place, num_bytes: int, ranges: Sequence[ScannedRange], max_rejected_share: float, index_dir: Path
) -> WrittenTables:
    """Write the index's images.parquet, products.parquet and rejected.parquet.

    Args:
        catalogue_path: The BSON file.
        num_bytes: Its size.
        ranges: All of its ranges, in the order of the file.
        max_rejected_share: Largest share of documents, and of bytes, that may be rejected.
        index_dir: An existing directory.

    Raises:
        DataError: If more was rejected, or the file changed while it was scanned.
    """
    aside_dir = index_dir / "scanned-again"
    joined = join_ranges(catalogue_path, ranges, aside_dir)
    refused = refused_as_a_whole(joined)
    rejected = RejectedCounts(catalogue_path)
    write_whole_groups(index_dir / "rejected.parquet", rejected.pass_on(rejected_rows(joined, refused)), REJECTED)
    num_documents = sum(_num_rows(path / "products.parquet") for path in joined)
    num_documents += rejected.num_documents - len(refused.offsets)
    totals = Totals(
        num_rejected_documents=rejected.num_documents,
        num_without_category=refused.num_without_category,
        num_documents=num_documents,
        num_unreadable_bytes=rejected.num_unreadable_bytes,
        num_bytes=num_bytes,
    )
    why = ", ".join(f"{reason} {count}" for reason, count in rejected.reasons.most_common())
    check_rejected_shares(catalogue_path, totals, max_rejected_share, why)
    num_products, num_images = _merge_tables(joined, refused, index_dir)
    check_every_byte(catalogue_path, index_dir / "products.parquet", rejected.num_bytes, num_bytes)
    shutil.rmtree(aside_dir, ignore_errors=True)
    return WrittenTables(totals, num_products, num_images, rejected.num_images)
