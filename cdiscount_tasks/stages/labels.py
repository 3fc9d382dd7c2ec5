"""Sample -> labels: pictures checked, groups, splits, classes, conflicts and human fixes.

The order is the promise: every picture is decoded, placeholders go, groups are formed, the split is made; only then
do human fixes and conflicts decide what is learnt from. Nothing of it changes what is measured.
"""

import logging
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np
import pandas as pd
import PIL
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from cdiscount_tasks.config import LabelConfig
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling import certificate, rules
from cdiscount_tasks.labelling.counts import count_by_class, count_decisions
from cdiscount_tasks.labelling.groups import group_products, num_products_per_image
from cdiscount_tasks.labelling.rejections import Rejections
from cdiscount_tasks.labelling.split import Split, read_split_file, small_classes, split_by_file, split_by_hash
from cdiscount_tasks.learning.images import PictureRefused, decode_rgb
from cdiscount_tasks.parallel import map_in_processes
from cdiscount_tasks.records import SPLITS, TRAIN, LabelFiles, Reason
from cdiscount_tasks.storage import tables
from cdiscount_tasks.storage.artifact import Recipe, build_artifact, write_json
from cdiscount_tasks.storage.category_names import CategoryNames, read_category_names
from cdiscount_tasks.storage.hashes import hash_file
from cdiscount_tasks.storage.sample_images import SampleImages, read_image_keys

logger = logging.getLogger(__name__)

VERSION = 1

_ROWS_PER_BATCH = 2048
_IMAGES_WORTH_PROCESSES = 20_000


class LabelsResult(TypedDict):
    """What label fixing decided."""

    path: str
    num_classes: int
    num_products: int
    num_images: int
    num_groups: int
    num_rejected_images: int
    num_train_products: int
    num_validation_products: int
    num_test_products: int
    num_conflicting_images: int
    shared_hashes_across_splits: int
    reused: bool


class _Checked(NamedTuple):
    """What decoding a batch of pictures found: the hash of the pixels, or why there are none, by row."""

    pixel_hashes: list[bytes | None]
    refused: list[tuple[int, Reason, str]]


def _check_pictures(batch: tuple[Path, int, int]) -> _Checked:
    sample_dir, first, stop = batch
    pixel_hashes: list[bytes | None] = []
    refused = []
    for row, jpeg in enumerate(SampleImages(sample_dir).read(range(first, stop)), first):
        try:
            picture = decode_rgb(jpeg)
        except PictureRefused as error:
            refused.append((row, error.reason, error.detail))
            pixel_hashes.append(None)
            continue
        # The size counts too: the same bytes in another shape are another picture.
        digest = xxhash.xxh3_128(f"{picture.width} {picture.height} ".encode())
        digest.update(picture.tobytes())
        pixel_hashes.append(digest.digest())
    return _Checked(pixel_hashes, refused)


class FixedSplit(NamedTuple):
    """A split file, and the split of each product_id that it names."""

    path: Path
    splits: pd.Series


def _categories_in(sample_dir: Path) -> list[int]:
    products = tables.read_table(sample_dir / "products.parquet", tables.SAMPLE_PRODUCTS, ["category_id"])
    return sorted(products["category_id"].unique().to_pylist())


def _readable_images(sample_dir: Path, rejections: Rejections) -> pd.DataFrame:
    """Decode every picture; returns the readable ones with content_hash and pixel_hash."""
    images = pd.DataFrame(read_image_keys(sample_dir))
    batches = [
        (sample_dir, first, min(first + _ROWS_PER_BATCH, len(images)))
        for first in range(0, len(images), _ROWS_PER_BATCH)
    ]
    checked = list(map_in_processes(_check_pictures, batches, worth_it=len(images) > _IMAGES_WORTH_PROCESSES))
    images["pixel_hash"] = [pixel_hash for batch in checked for pixel_hash in batch.pixel_hashes]
    for row, reason, detail in (refusal for batch in checked for refusal in batch.refused):
        rejections.add(images.iloc[[row]][["product_id", "image_number"]], reason, detail)
    readable = images[images["pixel_hash"].notna()].copy()
    readable["image"] = pd.factorize(readable["pixel_hash"])[0]
    return readable


def _without_placeholders(
    images: pd.DataFrame, most: int, rejections: Rejections
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Reject the pictures that stand in more products than any real picture does."""
    count = num_products_per_image(images["image"].to_numpy(), images["product_id"].to_numpy())
    placeholder = count > most
    details = [f"the same picture stands in {n} products, expected at most {most}" for n in count[placeholder]]
    rejections.add(images.loc[placeholder, ["product_id", "image_number"]], Reason.PICTURE_OF_MANY_PRODUCTS, details)
    counts = {
        "num_images": int(placeholder.sum()),
        "num_distinct": int(images.loc[placeholder, "image"].nunique()),
    }
    return images[~placeholder], counts


def _products_of(sample_dir: Path, images: pd.DataFrame, rejections: Rejections) -> pd.DataFrame:
    """Return the products that still have an image, with their groups."""
    products: pd.DataFrame = tables.read_table(sample_dir / "products.parquet", tables.SAMPLE_PRODUCTS).to_pandas()
    has_image = products["product_id"].isin(images["product_id"])
    rejections.add(
        products.loc[~has_image, ["product_id"]], Reason.NO_IMAGE_LEFT, "no image of the product can be used"
    )
    products = products[has_image].reset_index(drop=True)
    place = np.searchsorted(products["product_id"].to_numpy(), images["product_id"].to_numpy())
    contents = pd.factorize(images["content_hash"])[0]
    products["group_id"] = group_products(
        products["product_id"].to_numpy(), place, contents.astype(np.int64), images["image"].to_numpy()
    )
    return products


def _without_small_classes(
    products: pd.DataFrame, class_ids: list[int], config: LabelConfig, names: CategoryNames, rejections: Rejections
) -> tuple[pd.DataFrame, list[int]]:
    small = small_classes(products, class_ids)
    if small and config.small_classes == "error":
        num_groups = products.groupby("category_id")["group_id"].nunique()
        told = ", ".join(f"{c} ({names[c].level3}: {num_groups.get(c, 0)})" for c in small)
        raise DataError(
            f"categories with fewer than {len(SPLITS)} groups of products cannot be split: {told}; take them out of "
            "the sample's categories, or set small_classes: reject"
        )
    is_small = products["category_id"].isin(small)
    rejections.add(
        products.loc[is_small, ["product_id"]], Reason.SMALL_CLASS, f"its class has fewer than {len(SPLITS)} groups"
    )
    kept = [category_id for category_id in class_ids if category_id not in small]
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} class is left to learn, expected at least 2; add categories with more products to the sample"
        )
    return products[~is_small], kept


def _split(
    products: pd.DataFrame, class_ids: list[int], fixed: FixedSplit | None, config: LabelConfig, rejections: Rejections
) -> tuple[pd.DataFrame, Split]:
    if fixed is None:
        split = split_by_hash(products, class_ids, config.split, config.seed)
        return products.assign(split=split.split), split
    named = products["product_id"].isin(fixed.splits.index)
    rejections.add(products.loc[~named, ["product_id"]], Reason.NOT_IN_SPLIT_FILE, "the split file does not name it")
    products = products[named]
    split = split_by_file(products, fixed.splits, class_ids, config.straddling, fixed.path)
    return products.assign(split=split.split), split


def _elsewhere(index_dir: Path, images: pd.DataFrame, sample_products: pd.Series) -> pd.DataFrame:
    """Find the sample's pictures in products outside it, anywhere in the catalogue, one row group at a time."""
    wanted = pa.array(images["content_hash"].unique(), pa.binary(16))
    inside = pa.array(sample_products.to_numpy())
    found = []
    columns = ["product_id", "category_id", "content_hash"]
    for rows in tables.iter_row_groups(index_dir / "images.parquet", columns):
        same = rows.filter(pc.is_in(rows["content_hash"], value_set=wanted))
        found.append(same.filter(pc.invert(pc.is_in(same["product_id"], value_set=inside))))
    return cast(pd.DataFrame, pa.concat_tables(found).to_pandas())


def _named(classes: pd.DataFrame, names: CategoryNames) -> pd.DataFrame:
    levels = pd.DataFrame([names[category_id]._asdict() for category_id in classes["category_id"]])
    return cast(pd.DataFrame, pd.concat([classes, levels], axis=1)[tables.CLASSES.names])


def _with_class_indices(products: pd.DataFrame, class_ids: list[int]) -> pd.DataFrame:
    class_of = {category_id: class_index for class_index, category_id in enumerate(class_ids)}
    in_train = products["split"] == TRAIN
    return products.assign(
        class_index=products["category_id"].map(class_of),
        train_class_index=products["label"].map(class_of).where(in_train).astype("Int16"),
    )


def _check_learnable(products: pd.DataFrame, class_ids: list[int]) -> None:
    learnt = set(products["train_class_index"].dropna())
    lost = [category_id for class_index, category_id in enumerate(class_ids) if class_index not in learnt]
    if lost:
        raise DataError(
            f"category {lost[0]} has no product left to learn from after human fixes and conflicts; keep some of its "
            "products in the fixes file, or set conflicts: keep"
        )


def _write_labels(
    index_dir: Path, sample_dir: Path, files: LabelFiles, config: LabelConfig, part_dir: Path
) -> dict[str, Any]:
    names = read_category_names(files.names_path)
    class_ids = list(config.categories or _categories_in(sample_dir))
    # What people wrote is read before the dear work, so that a slip is told in the first seconds.
    if files.fixes_path:
        rules.read_fixes(files.fixes_path, set(class_ids))
    fixed_split = FixedSplit(files.split_path, read_split_file(files.split_path)) if files.split_path else None
    rejections = Rejections()
    all_images = _readable_images(sample_dir, rejections)
    images, placeholders = _without_placeholders(all_images, config.max_products_per_image, rejections)
    all_products = _products_of(sample_dir, images, rejections)
    products, class_ids = _without_small_classes(all_products, class_ids, config, names, rejections)
    # Read again: a fix may name a class that was too small to stay.
    fixes = rules.read_fixes(files.fixes_path, set(class_ids)) if files.fixes_path else None
    products, split = _split(products, class_ids, fixed_split, config, rejections)
    images = images[images["product_id"].isin(products["product_id"])]

    products, warnings = rules.apply_fixes(products, fixes)
    outside = _elsewhere(index_dir, images, products["product_id"])
    conflicts = rules.settle_conflicts(products, images, outside, config.conflicts)

    products = _with_class_indices(conflicts.products, class_ids)
    _check_learnable(products, class_ids)
    by_product = products.set_index("product_id")
    images = images.assign(
        learnt=conflicts.learnt,
        class_index=images["product_id"].map(by_product["class_index"]),
        split=images["product_id"].map(by_product["split"]),
    )
    classes = _named(count_by_class(products, images, class_ids), names)
    tables.write_table(part_dir / "products.parquet", products[tables.LABEL_PRODUCTS.names], tables.LABEL_PRODUCTS)
    tables.write_table(part_dir / "images.parquet", images[tables.LABEL_IMAGES.names], tables.LABEL_IMAGES)
    tables.write_table(part_dir / "classes.parquet", classes, tables.CLASSES)
    tables.write_table(part_dir / "conflicts.parquet", conflicts.table, tables.CONFLICTS)
    rejected = {name: [row[name] for row in rejections.rows] for name in tables.REJECTED.names}
    tables.write_table(part_dir / "rejected.parquet", rejected, tables.REJECTED)

    counts = count_decisions(products, images, conflicts, config.conflicts)
    counts["placeholders"] = placeholders
    counts["rejected_images"] = rejections.counts(images=True)
    counts["rejected_products"] = rejections.counts(images=False)
    counts["human_fixes"] = {
        "num_relabelled": int((products["rule"] == rules.HUMAN_FIX).sum()),
        "num_excluded": int((products["rule"] == rules.HUMAN_EXCLUSION).sum()),
        "warnings": warnings,
    }
    counts["warnings"] = [*split.warnings, *warnings]
    for warning in counts["warnings"]:
        logger.warning(warning)
    write_json(part_dir / "counts.json", counts)
    promised = certificate.certify(
        tables.read_table(part_dir / "products.parquet", tables.LABEL_PRODUCTS).to_pandas(),
        tables.read_table(part_dir / "images.parquet", tables.LABEL_IMAGES).to_pandas(),
        config.split,
        set(split.giant_groups),
        len(split.moved_groups),
    )
    write_json(part_dir / "certificate.json", promised)
    return {
        "num_classes": len(class_ids),
        "num_products": len(products),
        "num_images": len(images),
        "num_groups": counts["num_groups"],
        "num_rejected_images": sum(counts["rejected_images"].values()),
        **{f"num_{split}_products": promised["num_products"][split] for split in SPLITS},
        "num_conflicting_images": counts["conflicts"]["num_images"],
        "shared_hashes_across_splits": promised["shared_content_hashes"] + promised["shared_pixel_hashes"],
    }


def fix_labels(
    index_dir: Path, sample_dir: Path, files: LabelFiles, artifacts_dir: Path, config: LabelConfig
) -> LabelsResult:
    """Decide what each product of a sample is called, which split it is in, and what is learnt from.

    Args:
        index_dir: Finished index artifact: it knows the same pictures outside the sample.
        sample_dir: Finished sample artifact.
        files: The names CSV, people's fixes and a fixed split, as they were when the run started.
        artifacts_dir: Where the labels artifact will stand, named by its key.
        config: The label rules.

    Returns:
        The artifact's path and counts.

    Raises:
        DataError: If a file is wrong, a class is too small or nothing of it is left to learn from.
    """
    named = zip(("names", "fixes", "split"), files, strict=True)
    recipe = Recipe(
        stage="labels",
        version=VERSION,
        config=config.model_dump(mode="json"),
        inputs={"index": index_dir, "sample": sample_dir},
        files={name: hash_file(path) for name, path in named if path is not None},
        libraries={"pillow": PIL.__version__},
    )
    write = partial(_write_labels, index_dir, sample_dir, files, config)
    return cast(LabelsResult, build_artifact(recipe.dir_in(artifacts_dir), recipe, write))


def read_y_values(labels_dir: Path) -> pd.DataFrame:
    """Rebuild the y-values from the labels artifact alone.

    Returns:
        product_id, image_number, category_id (as given), label (to learn from; missing: not learnt from), class_index
        (of the given category) and split; a row an image kept, sorted by product_id, image_number, row for row as
        `images.parquet` and, within a split, as the predictions.
    """
    products = tables.read_table(labels_dir / "products.parquet", tables.LABEL_PRODUCTS).to_pandas()
    images = tables.read_table(labels_dir / "images.parquet", tables.LABEL_IMAGES).to_pandas()
    by_product = products.set_index("product_id")
    return pd.DataFrame(
        {
            "product_id": images["product_id"],
            "image_number": images["image_number"],
            "category_id": images["product_id"].map(by_product["category_id"]),
            "label": images["product_id"].map(by_product["label"].astype("Int64")),
            "class_index": images["class_index"],
            "split": images["split"],
        }
    )
