"""Sample -> labels: pictures checked, groups, splits, classes, conflicts and human fixes.

The order is the promise: every picture is decoded, placeholders go, groups are formed, the split is made; only then
do human fixes and conflicts decide what is learnt from. Nothing of it changes what is measured.
"""

import logging
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import imagehash
import numpy as np
import pandas as pd
import PIL
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.artifacts.hashes import hash_file, hash_json
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.catalogue.names import CategoryName, read_category_names
from cdiscount_tasks.labelling import rules
from cdiscount_tasks.labelling.certificate import certify
from cdiscount_tasks.labelling.classes import check_learnable, with_class_indices
from cdiscount_tasks.labelling.counts import count_by_class, count_decisions, count_fixes, count_judged
from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.labelling.keeping import (
    FixedSplit,
    group_all,
    split_products,
    without_empty_products,
    without_placeholders,
    without_small_classes,
)
from cdiscount_tasks.labelling.near_duplicates import count_near_duplicates
from cdiscount_tasks.labelling.rejections import Rejections
from cdiscount_tasks.labelling.split import Split, read_split_file
from cdiscount_tasks.learning.pictures.check import check_images
from cdiscount_tasks.settings.sample import LabelConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys
from cdiscount_tasks.vocabulary import SPLITS, TRAIN

logger = logging.getLogger(__name__)

VERSION = 6


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


def _categories_in(sample_dir: Path) -> list[int]:
    products = parquet.read_table(sample_dir / "products.parquet", schemas.SAMPLE_PRODUCTS, ["category_id"])
    return sorted(products["category_id"].unique().to_pylist())


def _readable_images(sample_dir: Path, perceptual: bool, rejections: Rejections) -> pd.DataFrame:
    """Decode every distinct picture; returns the readable images with content_hash, pixel_hash and perceptual_hash.

    `image` numbers the distinct pictures by pixels.
    """
    images = pd.DataFrame(read_image_keys(sample_dir))
    content, _ = pd.factorize(images["content_hash"])
    first_rows = np.flatnonzero(~images["content_hash"].duplicated())
    checked = check_images(partial(SampleImages, sample_dir), first_rows, perceptual=perceptual)
    images["pixel_hash"] = np.array(checked.pixel_hashes, object)[content]
    images["perceptual_hash"] = checked.perceptual_hashes[content]
    refusal_of = {refusal.place: refusal for refusal in checked.refusals}
    refused = images["pixel_hash"].isna()
    told = [refusal_of[place] for place in content[refused].tolist()]
    rejections.add(
        images.loc[refused, ["product_id", "image_number"]],
        [refusal.reason for refusal in told],
        [refusal.detail for refusal in told],
    )
    readable = images[~refused].copy()
    readable["image"] = pd.factorize(readable["pixel_hash"])[0]
    return readable


def _elsewhere(index_dir: Path, images: pd.DataFrame, sample_products: pd.Series) -> pd.DataFrame:
    """Find the sample's pictures in products outside it, anywhere in the catalogue, one row group at a time.

    Returns:
        Columns image, product_id, category_id (Int64). The same picture is known by its bytes: nothing else of a
        product outside the sample is decoded.
    """
    known = images[["content_hash", "image"]].drop_duplicates()
    wanted = pa.array(known["content_hash"], pa.binary(16))
    inside = pa.array(sample_products.to_numpy())
    found = []
    columns = ["product_id", "category_id", "content_hash"]
    for rows in parquet.iter_row_groups(index_dir / "images.parquet", columns):
        same = rows.filter(pc.is_in(rows["content_hash"], value_set=wanted))
        found.append(same.filter(pc.invert(pc.is_in(same["product_id"], value_set=inside))))
    same_bytes = parquet.exact_frame(pa.concat_tables(found), "category_id").merge(known, on="content_hash")
    return same_bytes[["image", "product_id", "category_id"]]


def _claims_of_others(outside: pd.DataFrame, images: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return who else claims the pictures that stay: products outside the sample, and those that left it.

    Args:
        outside: What `_elsewhere` gave.
        images: The sample's readable images: product_id, category_id, image.
        products: The products that stay: product_id.

    Returns:
        Columns image, product_id, category_id. What left the sample is known by its pixels, whatever its bytes.
    """
    stays = images["product_id"].isin(products["product_id"])
    others = pd.concat([outside, images.loc[~stays, outside.columns]])
    return others[others["image"].isin(images.loc[stays, "image"])]


def _named(classes: pd.DataFrame, names: dict[int, CategoryName]) -> pd.DataFrame:
    levels = pd.DataFrame([names[category_id]._asdict() for category_id in classes["category_id"]])
    return cast(pd.DataFrame, pd.concat([classes, levels], axis=1)[schemas.CLASSES.names])


class _Decided(NamedTuple):
    """All that is known before anything is written.

    Attributes:
        products: The rows of products.parquet, and more columns.
        images: The rows of images.parquet, and more columns, `perceptual_hash` among them.
        classes: The rows of classes.parquet.
        conflicts: What settling them gave.
        split: What had to be done to split.
        rejections: What was refused.
        placeholders: Counts of them.
        num_fixed: What people said of products, counted.
        warnings: What people should know of their fixes file.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    classes: pd.DataFrame
    conflicts: rules.Conflicts
    split: Split
    rejections: Rejections
    placeholders: dict[str, int]
    num_fixed: dict[str, int]
    warnings: list[str]


def _decide(
    index_dir: Path, sample_dir: Path, files: LabelFiles, config: LabelConfig, names: dict[int, CategoryName]
) -> _Decided:
    # What people wrote is read before the expensive work, so that a slip is reported in the first seconds.
    if files.fixes_path:
        rules.read_fixes(files.fixes_path, names.keys(), names=names)
    fixed_split = FixedSplit(files.split_path, read_split_file(files.split_path)) if files.split_path else None
    rejections = Rejections()
    images = _readable_images(sample_dir, config.near_duplicates != "off", rejections)
    drawn = parquet.read_table(sample_dir / "products.parquet", schemas.SAMPLE_PRODUCTS).to_pandas()
    outside = _elsewhere(index_dir, images, drawn["product_id"])
    images, placeholders = without_placeholders(images, outside, config.max_products_per_image, rejections)
    products = without_empty_products(drawn, images, rejections)
    products["group_id"] = group_all(products, images, config.near_duplicates)
    level3 = {category_id: name.level3 for category_id, name in names.items()}
    products, class_ids = without_small_classes(products, level3, config.small_classes, rejections)
    # Read again: a fix may name a class that was too small to stay.
    left_out = names.keys() - class_ids
    fixes = rules.read_fixes(files.fixes_path, set(class_ids), left_out, names) if files.fixes_path else None
    products, split = split_products(products, class_ids, fixed_split, config, rejections)
    others = _claims_of_others(outside, images, products)
    images = images[images["product_id"].isin(products["product_id"])]

    fixed, warnings = rules.apply_fixes(products, fixes)
    warnings += rules.contradicted_fixes(fixed, images)
    conflicts = rules.settle_conflicts(fixed, images, others, config.conflicts)
    said = read_fix_rows(files.fixes_path) if files.fixes_path else []
    num_fixed = count_fixes(fixed, conflicts.products) | count_judged(said, set(products["product_id"].tolist()))
    products = with_class_indices(conflicts.products, class_ids)
    check_learnable(products, fixed, class_ids)
    by_product = products.set_index("product_id")
    images = images.assign(
        learnt=conflicts.learnt,
        class_index=images["product_id"].map(by_product["class_index"]),
        split=images["product_id"].map(by_product["split"]),
    )
    classes = _named(count_by_class(products, images, class_ids), names)
    return _Decided(products, images, classes, conflicts, split, rejections, placeholders, num_fixed, warnings)


def _count(decided: _Decided, config: LabelConfig) -> dict[str, Any]:
    return {
        **count_decisions(decided.products, decided.images, decided.conflicts, config.conflicts),
        "placeholders": decided.placeholders,
        "rejected_images": decided.rejections.counts(images=True),
        "rejected_products": decided.rejections.counts(images=False),
        "human_fixes": {**decided.num_fixed, "warnings": decided.warnings},
        "warnings": [*decided.split.warnings, *decided.warnings],
    }


def _certify(part_dir: Path, decided: _Decided, config: LabelConfig) -> dict[str, Any]:
    """Certify the split from the tables as they were written."""
    products = parquet.read_table(part_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    images = parquet.read_table(part_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    near_duplicates = None
    if config.near_duplicates != "off":
        look_of = dict(zip(decided.images["pixel_hash"], decided.images["perceptual_hash"].to_numpy(), strict=True))
        looks = np.array([look_of[pixel_hash] for pixel_hash in images["pixel_hash"]], np.uint64)
        near_duplicates = count_near_duplicates(images, looks, config.near_duplicates)
    certificate = certify(products, images, decided.split, config.split)
    return {**certificate, "near_duplicates": near_duplicates}


def _write_labels(
    index_dir: Path,
    sample_dir: Path,
    files: LabelFiles,
    config: LabelConfig,
    names: dict[int, CategoryName],
    part_dir: Path,
) -> dict[str, Any]:
    decided = _decide(index_dir, sample_dir, files, config, names)
    products = decided.products[schemas.LABEL_PRODUCTS.names]
    parquet.write_table(part_dir / "products.parquet", products, schemas.LABEL_PRODUCTS)
    images = decided.images[schemas.LABEL_IMAGES.names]
    parquet.write_table(part_dir / "images.parquet", images, schemas.LABEL_IMAGES)
    parquet.write_table(part_dir / "classes.parquet", decided.classes, schemas.CLASSES)
    parquet.write_table(part_dir / "conflicts.parquet", decided.conflicts.table, schemas.CONFLICTS)
    rejected = {name: [row[name] for row in decided.rejections.rows] for name in schemas.REJECTED.names}
    parquet.write_table(part_dir / "rejected.parquet", rejected, schemas.REJECTED)

    counts = _count(decided, config)
    for warning in counts["warnings"]:
        logger.warning(warning)
    write_json(part_dir / "counts.json", counts)
    certificate = _certify(part_dir, decided, config)
    write_json(part_dir / "certificate.json", certificate)
    return {
        "num_classes": len(decided.classes),
        "num_products": len(products),
        "num_images": len(images),
        "num_groups": counts["num_groups"],
        "num_rejected_images": sum(counts["rejected_images"].values()),
        **{f"num_{split}_products": certificate["num_products"][split] for split in SPLITS},
        "num_conflicting_images": counts["conflicts"]["num_images"],
        "shared_hashes_across_splits": certificate["shared_content_hashes"] + certificate["shared_pixel_hashes"],
    }


def _names_of(sample_dir: Path, files: LabelFiles, config: LabelConfig) -> dict[int, CategoryName]:
    """Return what the sample's classes are called."""
    names = read_category_names(files.names_path)
    return {category_id: names[category_id] for category_id in config.categories or _categories_in(sample_dir)}


def labels_recipe(index_dir: Path, sample_dir: Path, files: LabelFiles, config: LabelConfig) -> Recipe:
    """Return what decides a sample's labels.

    Raises:
        DataError: If the names CSV is damaged.
    """
    names = _names_of(sample_dir, files, config)
    # Of the names CSV only what the classes are called: a correction elsewhere in it retrains nothing.
    hashes = {"names": hash_json([[category_id, *name] for category_id, name in names.items()])}
    hashes |= {name: hash_file(path) for name, path in zip(("fixes", "split"), files[1:], strict=True) if path}
    libraries = {"pillow": PIL.__version__}
    if config.near_duplicates != "off":
        libraries["imagehash"] = imagehash.__version__
    return Recipe(
        stage="labels",
        version=VERSION,
        config=config.model_dump(mode="json"),
        inputs={"index": index_dir, "sample": sample_dir},
        files=hashes,
        libraries=libraries,
    )


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
    recipe = labels_recipe(index_dir, sample_dir, files, config)
    names = _names_of(sample_dir, files, config)
    write = partial(_write_labels, index_dir, sample_dir, files, config, names)
    return cast(LabelsResult, build_artifact(recipe.dir_in(artifacts_dir), recipe, write))


def read_y_values(labels_dir: Path) -> pd.DataFrame:
    """Rebuild the y-values from the labels artifact alone.

    Returns:
        product_id, image_number, category_id (as given), label (Int64, to learn from; missing: the product or, in
        train, this image is not learnt from), class_index (of the given category) and split; a row an image kept,
        sorted by product_id, image_number, row for row as `images.parquet` and, within a split, as the predictions.
    """
    products = parquet.exact_frame(parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS), "label")
    images = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    by_product = products.set_index("product_id")
    label = images["product_id"].map(by_product["label"])
    return pd.DataFrame(
        {
            "product_id": images["product_id"],
            "image_number": images["image_number"],
            "category_id": images["product_id"].map(by_product["category_id"]),
            "label": label.where(images["learnt"] | (images["split"] != TRAIN)),
            "class_index": images["class_index"],
            "split": images["split"],
        }
    )
