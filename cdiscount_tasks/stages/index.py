"""Catalogue -> index: where every JPEG lies inside the BSON, in Parquet, scanned range by range."""

import logging
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

import pyarrow as pa
import xxhash

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.locks import lock, lock_if_free
from cdiscount_tasks.artifacts.manifest import MANIFEST, find_result, read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.catalogue.file import catalogue_changed, catalogue_faults_told, file_state, fingerprint
from cdiscount_tasks.catalogue.jpeg_header import has_comment
from cdiscount_tasks.catalogue.kind import reason_no_catalogue
from cdiscount_tasks.catalogue.scan import scan_range as scan_bytes
from cdiscount_tasks.catalogue.window import BLOCK_BYTES
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.checks import RejectedCounts, Totals, check_every_byte, check_rejected_shares
from cdiscount_tasks.index.merge import merge_sorted
from cdiscount_tasks.index.part_writer import PartWriter
from cdiscount_tasks.index.profile import profile_index
from cdiscount_tasks.index.profile_file import PROFILE
from cdiscount_tasks.index.refusals import RefusedDocuments, refused_as_a_whole, rejected_rows
from cdiscount_tasks.tables.parquet import open_table, write_whole_groups
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED
from cdiscount_tasks.vocabulary import DRAWN_COMMENT, REAL_CATALOGUE_IMAGES, REAL_CATALOGUE_PRODUCTS

logger = logging.getLogger(__name__)

VERSION = 3

MIN_RANGE_BLOCKS = 4
"""A range has at least four blocks of 64 MiB: below, starting a task costs more than reading."""

MAX_RANGES = 512
"""Airflow maps at most 1,024 tasks by default; ranges grow beyond 128 GB."""

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class ByteRange(TypedDict):
    """Where a range of the catalogue begins and where it stops."""

    start: int
    stop: int


class RangeResult(TypedDict):
    """What scanning a range left."""

    path: str
    num_documents: int
    num_products: int
    num_images: int
    num_rejected: int
    reused: bool


class IndexResult(TypedDict):
    """What the index holds."""

    path: str
    catalogue_id: str
    origin: str
    is_complete_train_bson: bool
    num_documents: int
    num_products: int
    num_images: int
    num_distinct_images: int
    num_categories: int
    num_rejected_documents: int
    num_rejected_images: int
    num_unreadable_bytes: int
    num_bytes: int
    reused: bool


def index_recipe(parent_dir: Path) -> Recipe:
    """Return what decides an index: the folder is named by the fingerprint; later keys count the content."""
    return Recipe("index", VERSION, {}, {}, {"catalogue": parent_dir.name}, {})


def _part_recipe(parent_dir: Path, byte_range: ByteRange) -> Recipe:
    return Recipe("part", VERSION, dict(byte_range), {}, {"catalogue": parent_dir.name}, {})


def _parts_dir(parent_dir: Path) -> Path:
    return parent_dir / f"parts-{index_recipe(parent_dir).key}"


def range_blocks(size_bytes: int) -> int:
    """Return how many blocks of 64 MiB each range of a catalogue of this size has."""
    num_blocks = math.ceil(size_bytes / BLOCK_BYTES)
    return max(MIN_RANGE_BLOCKS, math.ceil(num_blocks / MAX_RANGES))


def _all_ranges(size_bytes: int) -> list[ByteRange]:
    step = range_blocks(size_bytes) * BLOCK_BYTES
    return [ByteRange(start=start, stop=min(start + step, size_bytes)) for start in range(0, size_bytes, step)]


def plan_ranges(catalogue_path: Path, parent_dir: Path) -> list[ByteRange]:
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
    ranges = _all_ranges(file_state(catalogue_path)["size"])
    if not ranges:
        raise DataError(f"{catalogue_path}: the catalogue is empty (0 bytes); fetch or unpack it again")
    if reason := reason_no_catalogue(catalogue_path):
        raise DataError(reason)
    _check_fingerprint(catalogue_path, parent_dir)
    logger.info("%s: %.1f MB to scan", catalogue_path, ranges[-1]["stop"] / 1e6)
    return ranges


def _check_fingerprint(catalogue_path: Path, parent_dir: Path) -> None:
    """Refuse a file that is not the one whose fingerprint names the folder of its index.

    Raises:
        DataError: If so: it was exchanged, or changed, since the run began.
    """
    if not _FINGERPRINT.fullmatch(parent_dir.name):
        return
    found = fingerprint(catalogue_path)
    if found != parent_dir.name:
        raise DataError(
            f"{catalogue_path}: is not the catalogue that this run began with (its fingerprint is {found}, it was "
            f"{parent_dir.name}): it was exchanged or changed since; trigger a new run when nothing writes to it"
        )


def _is_drawn(catalogue_path: Path, first_image: tuple[int, int] | None) -> bool:
    """Tell whether the first picture says that it was drawn by the demo: it stays true wherever the file goes."""
    if first_image is None:
        return False
    with catalogue_faults_told(catalogue_path), catalogue_path.open("rb") as file:
        file.seek(first_image[0])
        return has_comment(file.read(first_image[1]), DRAWN_COMMENT)


def _write_part(
    catalogue_path: Path, byte_range: ByteRange, parent_dir: Path, most: float, part_dir: Path
) -> dict[str, Any]:
    start, stop = byte_range["start"], byte_range["stop"]
    _check_fingerprint(catalogue_path, parent_dir)
    state = file_state(catalogue_path)
    writer = PartWriter(part_dir)
    scan = scan_bytes(
        catalogue_path, start, stop, begins_at_start=start == 0, write=writer.write, max_rejected_share=most
    )
    if file_state(catalogue_path) != state or len(scan.block_hashes) != math.ceil((stop - start) / BLOCK_BYTES):
        raise catalogue_changed(catalogue_path)
    writer.finish(scan)
    drawn = _is_drawn(catalogue_path, writer.first_image)
    _check_fingerprint(catalogue_path, parent_dir)
    return {
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
    catalogue_path: Path, byte_range: ByteRange, parent_dir: Path, max_rejected_share: float = 1.0
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
            result = build_artifact(out_dir, recipe, write)
        except FileNotFoundError:
            # Where locks do not reach, another machine has joined the parts and removed their folder meanwhile.
            if standing := _standing_range(index_dir):
                return standing
            raise
    return cast(RangeResult, {name: result[name] for name in RangeResult.__annotations__})


def _joined_parts(
    catalogue_path: Path, part_dirs: Sequence[Path], ranges: Sequence[ByteRange], aside_dir: Path
) -> list[Path]:
    """Verify the seams: range i ends exactly where range i+1 began, else the latter is scanned again, into `aside_dir`.

    Returns:
        The directories whose tables together hold every document of the catalogue once.
    """
    true_offset = 0
    joined = []
    for part_dir, byte_range in zip(part_dirs, ranges, strict=True):
        # Parts are small: every byte is compared, since Arrow can crash over a damaged footer.
        verify_artifact(part_dir)
        found = read_manifest(part_dir)["result"]
        if true_offset >= byte_range["stop"]:
            continue
        if found["first_offset"] == true_offset:
            joined.append(part_dir)
            true_offset = found["end_offset"]
            continue
        logger.info(
            "range %d to %d: first document guessed at %s, it is at %d: scanned again",
            byte_range["start"], byte_range["stop"], found["first_offset"], true_offset,
        )  # fmt: skip
        again_dir = aside_dir / f"{true_offset}"
        again_dir.mkdir(parents=True)
        writer = PartWriter(again_dir)
        scan = scan_bytes(
            catalogue_path, true_offset, byte_range["stop"], begins_at_start=True, hash_blocks=False, write=writer.write
        )
        writer.finish(scan)
        joined.append(again_dir)
        true_offset = scan.end_offset
    return joined


def _check_unchanged(catalogue_path: Path, parent_dir: Path) -> int:
    """Return the catalogue's size if it is the file that every part was scanned from."""
    _check_fingerprint(catalogue_path, parent_dir)
    state = file_state(catalogue_path)
    for part_dir in sorted(_parts_dir(parent_dir).glob("part-*")):
        if read_manifest(part_dir)["result"]["catalogue"] != state:
            raise catalogue_changed(catalogue_path)
    return state["size"]


def _part_dirs(catalogue_path: Path, parent_dir: Path, ranges: Sequence[ByteRange]) -> list[Path]:
    """Return where the part of each range stands.

    Raises:
        DataError: If a range has none.
    """
    part_dirs = []
    for byte_range in ranges:
        part_dir = _part_recipe(parent_dir, byte_range).dir_in(_parts_dir(parent_dir))
        if not (part_dir / MANIFEST).exists():
            raise DataError(
                f"{catalogue_path}: bytes {byte_range['start']} to {byte_range['stop']} have not been scanned (no "
                f"finished artifact stands there: {part_dir}); clear the task scan_range, or trigger a new run"
            )
        part_dirs.append(part_dir)
    return part_dirs


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


def _write_index(catalogue_path: Path, parent_dir: Path, most: float, index_dir: Path) -> dict[str, Any]:
    aside_dir = index_dir / "scanned-again"
    num_bytes = _check_unchanged(catalogue_path, parent_dir)
    ranges = _all_ranges(num_bytes)
    part_dirs = _part_dirs(catalogue_path, parent_dir, ranges)
    joined = _joined_parts(catalogue_path, part_dirs, ranges, aside_dir)
    refused = refused_as_a_whole(joined)
    counts = RejectedCounts(catalogue_path)
    write_whole_groups(index_dir / "rejected.parquet", counts.pass_on(rejected_rows(joined, refused)), REJECTED)
    num_documents = sum(_num_rows(path / "products.parquet") for path in joined)
    num_documents += counts.num_documents - len(refused.offsets)
    totals = Totals(counts.num_documents, num_documents, counts.num_unreadable_bytes, num_bytes)
    why = ", ".join(f"{reason} {count}" for reason, count in counts.reasons.most_common())
    check_rejected_shares(catalogue_path, totals, most, why)
    num_products, num_images = _merge_tables(joined, refused, index_dir)
    check_every_byte(catalogue_path, index_dir / "products.parquet", counts.num_bytes, num_bytes)
    shutil.rmtree(aside_dir, ignore_errors=True)
    manifests = [read_manifest(part_dir) for part_dir in part_dirs]
    blocks = [block for manifest in manifests for block in manifest["result"]["block_hashes"]]
    profile = profile_index(index_dir)
    write_json(index_dir / PROFILE, profile, indent=None)
    _check_unchanged(catalogue_path, parent_dir)
    return {
        "catalogue_id": xxhash.xxh3_128_hexdigest("".join(blocks).encode())[:16],
        "origin": "drawn" if manifests[0]["result"]["drawn"] else "file",
        "is_complete_train_bson": (num_products, num_images) == (REAL_CATALOGUE_PRODUCTS, REAL_CATALOGUE_IMAGES),
        "num_documents": num_documents,
        "num_products": num_products,
        "num_images": num_images,
        "num_distinct_images": profile["copies"]["num_distinct"],
        "num_categories": len(profile["categories"]),
        "num_rejected_documents": counts.num_documents,
        "num_rejected_images": counts.num_images,
        "num_unreadable_bytes": counts.num_unreadable_bytes,
        "num_bytes": num_bytes,
        "earlier_s": sum(manifest["duration_s"] for manifest in manifests),
    }


def _build_index(index_dir: Path, recipe: Recipe, write: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
    try:
        return build_artifact(index_dir, recipe, write, identity=f"index-{VERSION}-{{catalogue_id}}")
    except (DataError, FileNotFoundError):
        # Where locks do not reach, another machine has joined the parts and removed them meanwhile.
        standing = find_result(index_dir)
        if standing is None:
            raise
        return {**standing, "reused": True}


def merge_index(catalogue_path: Path, parent_dir: Path, max_rejected_share: float) -> IndexResult:
    """Join the scanned ranges into the index, and remove them; an index that stands is found again.

    Args:
        catalogue_path: The BSON file.
        parent_dir: The folder of this catalogue's index and parts.
        max_rejected_share: Rejected documents over documents, above which the catalogue is refused.

    Returns:
        The index's path and counts. `images.parquet` is sorted by category_id, product_id, image_number.

    Raises:
        DataError: If a range has not been scanned, the file changed since, or too much of it was rejected.
    """
    recipe = index_recipe(parent_dir)
    index_dir = recipe.dir_in(parent_dir)
    write = partial(_write_index, catalogue_path, parent_dir, max_rejected_share)
    result = _build_index(index_dir, recipe, write)
    totals = Totals(*(result[name] for name in Totals._fields))
    check_rejected_shares(catalogue_path, totals, max_rejected_share, "see rejected.parquet")
    # News once: a run that finds the index again has nothing to decide about it.
    if not result["reused"] and (result["num_rejected_documents"] or result["num_rejected_images"]):
        logger.info(
            "%d of %d documents and %d images were rejected, %d bytes could not be read: no more than the %g %% that "
            "CDISCOUNT_MAX_REJECTED_SHARE allows, so there is nothing to do. Each has a row, with its reason, in "
            "%s/rejected.parquet",
            result["num_rejected_documents"], result["num_documents"], result["num_rejected_images"],
            result["num_unreadable_bytes"], 100 * max_rejected_share, index_dir,
        )  # fmt: skip
    if result["origin"] != "drawn":
        logger.info(
            "%s Kaggle's complete train.bson (%d products, %d images): %d and %d are here",
            "this is" if result["is_complete_train_bson"] else "this is not",
            REAL_CATALOGUE_PRODUCTS, REAL_CATALOGUE_IMAGES, result["num_products"], result["num_images"],
        )  # fmt: skip
    with lock_if_free(_parts_lock(parent_dir)) as is_free:
        if is_free:
            shutil.rmtree(_parts_dir(parent_dir), ignore_errors=True)
        else:
            logger.info("another run still scans this catalogue: it removes the parts when it has joined them")
    return cast(IndexResult, result)
