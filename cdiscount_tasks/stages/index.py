"""Catalogue -> index: where every JPEG lies inside the BSON, in Parquet, scanned range by range."""

import logging
import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import xxhash

from cdiscount_tasks.artifacts.bucket import remove_from_bucket
from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.locks import lock, lock_if_free
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import MANIFEST, find_result, read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.catalogue.file import catalogue_changed, file_size, file_state
from cdiscount_tasks.catalogue.kind import is_drawn, reason_no_catalogue
from cdiscount_tasks.catalogue.ranges import ByteRange, all_ranges, num_blocks_of
from cdiscount_tasks.catalogue.scan import scan_bytes
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.checks import (
    Totals,
    check_rejected_shares,
    check_same_catalogue,
    is_named_by_fingerprint,
)
from cdiscount_tasks.index.index_log import log_index
from cdiscount_tasks.index.joining import ScannedRange, write_tables
from cdiscount_tasks.index.part_writer import PartWriter
from cdiscount_tasks.index.profile import profile_index
from cdiscount_tasks.index.profile_file import PROFILE
from cdiscount_tasks.vocabulary import REAL_CATALOGUE_IMAGES, REAL_CATALOGUE_PRODUCTS

logger = logging.getLogger(__name__)

VERSION = 4


class RangeResult(Result):
    """What scanning a range left; its manifest has more, for who joins the ranges."""

    num_documents: int
    num_products: int
    num_images: int
    num_rejected: int


class IndexResult(Result):
    """What the index holds."""

    catalogue_id: str
    origin: str
    is_complete_train_bson: bool
    num_documents: int
    num_products: int
    num_images: int
    num_distinct_images: int
    num_categories: int
    num_without_category: int
    num_rejected_documents: int
    num_rejected_images: int
    num_unreadable_bytes: int
    num_bytes: int


def index_recipe(parent_dir: Path) -> Recipe:
    """Return what decides an index: the folder is named by the fingerprint; later keys count the content."""
    return Recipe("index", VERSION, config={}, files={"catalogue": parent_dir.name})


def _part_recipe(parent_dir: Path, byte_range: ByteRange) -> Recipe:
    return Recipe("part", VERSION, config=dict(byte_range), files={"catalogue": parent_dir.name})


def _parts_dir(parent_dir: Path) -> Path:
    return parent_dir / f"parts-{index_recipe(parent_dir).key}"


def plan_ranges(catalogue_path: Place, parent_dir: Path) -> list[ByteRange]:
    """Plan the byte ranges of a scan; none if the catalogue's index stands already.

    Args:
        catalogue_path: The BSON file.
        parent_dir: The folder of this catalogue's index, named by its fingerprint.

    Raises:
        DataError: If the catalogue is empty, of another format, or not the one that the run began with.
    """
    index_dir = index_recipe(parent_dir).dir_in(parent_dir)
    if find_result(index_dir) is not None:
        logger.info("%s already exists, nothing to scan in %s", index_dir.name, catalogue_path)
        return []
    ranges = all_ranges(file_size(catalogue_path))
    if not ranges:
        raise DataError(f"{catalogue_path}: the catalogue is empty (0 bytes); fetch or unpack it again")
    if reason := reason_no_catalogue(catalogue_path):
        raise DataError(reason)
    check_same_catalogue(catalogue_path, parent_dir)
    logger.info("%s: %.1f MB to scan", catalogue_path, ranges[-1]["stop"] / 1e6)
    return ranges


def _write_part(catalogue_path: Place, byte_range: ByteRange, parent_dir: Path, most: float, part_dir: Path) -> Made:
    start, stop = byte_range["start"], byte_range["stop"]
    check_same_catalogue(catalogue_path, parent_dir)
    state = file_state(catalogue_path)
    writer = PartWriter(part_dir)
    scan = scan_bytes(
        catalogue_path, start, stop, begins_at_start=start == 0, write=writer.write, max_rejected_share=most
    )
    # A scan of an object asks for its size once more: a wrong answer would show the last document as cut, for ever.
    is_same = file_state(catalogue_path) == state and scan.file_bytes == state["size"]
    if not is_same or len(scan.block_hashes) != num_blocks_of(byte_range):
        raise catalogue_changed(catalogue_path)
    writer.finish(scan)
    drawn = is_drawn(catalogue_path, writer.first_image)
    check_same_catalogue(catalogue_path, parent_dir)
    return Made(
        {
            "catalogue": state,
            "first_offset": scan.first_offset,
            "end_offset": scan.end_offset,
            "block_hashes": scan.block_hashes,
            "drawn": drawn,
            "num_documents": scan.num_documents,
            "num_products": writer.num_products,
            "num_images": writer.num_images,
            "num_rejected": writer.num_rejected,
        }
    )


def _standing_range(index_dir: Path) -> RangeResult | None:
    """Return the result of a range where the whole index stands already; None: it does not."""
    if find_result(index_dir) is None:
        return None
    # Another run has joined the parts, and removed them, since this one was planned.
    logger.info("%s already exists, this range is part of it", index_dir.name)
    return RangeResult(path=str(index_dir), num_documents=0, num_products=0, num_images=0, num_rejected=0, reused=True)


def _parts_lock(parent_dir: Path) -> Path:
    """Return the lock that scans share while they write parts, and that who removes the parts holds alone."""
    return parent_dir / ".parts.lock"


def scan_range(
    catalogue_path: Place, byte_range: ByteRange, parent_dir: Path, max_rejected_share: float = 1.0
) -> RangeResult:
    """Scan one byte range of the catalogue into a part, unless the part or the whole index stands.

    Args:
        catalogue_path: The BSON file.
        byte_range: One of `plan_ranges`.
        parent_dir: The folder of this catalogue's index.
        max_rejected_share: The scan ends at once where this range alone has more rejected documents, or bytes that are
            no documents, than this share of the whole file.

    Raises:
        DataError: If so, or the file changed since the run began.
    """
    index_dir = index_recipe(parent_dir).dir_in(parent_dir)
    recipe = _part_recipe(parent_dir, byte_range)
    out_dir = recipe.dir_in(_parts_dir(parent_dir))
    write = partial(_write_part, catalogue_path, byte_range, parent_dir, max_rejected_share)
    with ExitStack() as stack:
        with disk_faults_told(out_dir):
            stack.enter_context(lock(_parts_lock(parent_dir), out_dir.name, shared=True))
        if standing := _standing_range(index_dir):
            return standing
        try:
            return make(RangeResult, recipe, _parts_dir(parent_dir), write)
        except FileNotFoundError:
            # Where locks do not reach, another machine has joined the parts and removed their folder meanwhile.
            if standing := _standing_range(index_dir):
                return standing
            raise


def _check_unchanged(catalogue_path: Place, parent_dir: Path) -> int:
    """Return the catalogue's size if it is the file that every part was scanned from."""
    check_same_catalogue(catalogue_path, parent_dir)
    state = file_state(catalogue_path)
    # Machines may have copies of their own time; each part's was compared with the fingerprint before and after.
    is_known = is_named_by_fingerprint(parent_dir)
    for part_dir in sorted(_parts_dir(parent_dir).glob("part-*")):
        scanned = read_manifest(part_dir)["result"]["catalogue"]
        if scanned["size"] != state["size"] or (scanned != state and not is_known):
            raise catalogue_changed(catalogue_path)
    return int(state["size"])


def _read_range(catalogue_path: Place, byte_range: ByteRange, parent_dir: Path) -> ScannedRange:
    """Read what the scan of a range left.

    Raises:
        DataError: If it has not been scanned, or what it left is damaged.
    """
    part_dir = _part_recipe(parent_dir, byte_range).dir_in(_parts_dir(parent_dir))
    if not (part_dir / MANIFEST).exists():
        raise DataError(
            f"{catalogue_path}: bytes {byte_range['start']} to {byte_range['stop']} have not been scanned (no "
            f"finished artifact stands there: {part_dir}); clear the task scan_range, or trigger a new run"
        )
    # Parts are small: every byte is compared, since Arrow can crash over a damaged footer.
    verify_artifact(part_dir)
    found = read_manifest(part_dir)["result"]
    return ScannedRange(part_dir, byte_range, found["first_offset"], found["end_offset"])


def _write_index(catalogue_path: Place, parent_dir: Path, most: float, index_dir: Path) -> Made:
    num_bytes = _check_unchanged(catalogue_path, parent_dir)
    ranges = [_read_range(catalogue_path, byte_range, parent_dir) for byte_range in all_ranges(num_bytes)]
    written = write_tables(catalogue_path, num_bytes, ranges, most, index_dir)
    manifests = [read_manifest(scanned.part_dir) for scanned in ranges]
    blocks = [block for manifest in manifests for block in manifest["result"]["block_hashes"]]
    catalogue_id = xxhash.xxh3_128_hexdigest("".join(blocks).encode())[:16]
    profile = profile_index(index_dir)
    write_json(index_dir / PROFILE, profile, indent=None)
    _check_unchanged(catalogue_path, parent_dir)
    num_kept = written.num_products, written.num_images
    counts = {
        "catalogue_id": catalogue_id,
        "origin": "drawn" if manifests[0]["result"]["drawn"] else "file",
        "is_complete_train_bson": num_kept == (REAL_CATALOGUE_PRODUCTS, REAL_CATALOGUE_IMAGES),
        "num_products": written.num_products,
        "num_images": written.num_images,
        "num_distinct_images": profile["copies"]["num_distinct"],
        "num_categories": len(profile["categories"]),
        "num_rejected_images": written.num_rejected_images,
        **written.totals._asdict(),
    }
    seconds_before = sum(manifest["duration_s"] for manifest in manifests)
    return Made(counts, identity=f"index-{VERSION}-{catalogue_id}", seconds_before=seconds_before)


def _remove_parts(parent_dir: Path) -> None:
    with lock_if_free(_parts_lock(parent_dir)) as is_free:
        if is_free:
            remove_from_bucket(_parts_dir(parent_dir))
            shutil.rmtree(_parts_dir(parent_dir), ignore_errors=True)
        else:
            logger.info("another run still scans this catalogue: it removes the parts when it has joined them")


def merge_index(catalogue_path: Place, parent_dir: Path, max_rejected_share: float) -> IndexResult:
    """Join the scanned ranges into the index, and remove them; an index that stands is found again.

    Args:
        catalogue_path: The BSON file.
        parent_dir: The folder of this catalogue's index and parts.
        max_rejected_share: Rejected documents, and products without a category among others with one, over documents:
            a larger share is refused. 1: any share is accepted, as where nothing is to be learnt.

    Returns:
        The index's path and counts. `images.parquet` is sorted by category_id, product_id, image_number.

    Raises:
        DataError: If a range has not been scanned, the file changed since, or too much of it was rejected.
    """
    recipe = index_recipe(parent_dir)
    index_dir = recipe.dir_in(parent_dir)
    write = partial(_write_index, catalogue_path, parent_dir, max_rejected_share)
    try:
        result = make(IndexResult, recipe, parent_dir, write)
    except (DataError, FileNotFoundError):
        # Where locks do not reach, another machine has joined the parts and removed them meanwhile.
        if find_result(index_dir) is None:
            raise
        result = make(IndexResult, recipe, parent_dir, write)
    totals = Totals(*(result[name] for name in Totals._fields))  # type: ignore[literal-required]
    check_rejected_shares(catalogue_path, totals, max_rejected_share, "see rejected.parquet")
    log_index(result, totals.num_unlabelled, max_rejected_share)
    _remove_parts(parent_dir)
    return result
