"""Sample -> labels: pictures checked, groups, splits, classes, conflicts and human fixes.

The order is the promise: every picture is decoded, placeholders go, groups are formed, the split is made; only then
do human fixes and conflicts decide what is learnt from. Nothing of it changes what is measured.
"""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.hashes import hash_file, hash_json
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.catalogue.names import CategoryName, read_category_names
from cdiscount_tasks.labelling import rules
from cdiscount_tasks.labelling.certificate import certify
from cdiscount_tasks.labelling.claims import find_elsewhere
from cdiscount_tasks.labelling.counts import count_decisions
from cdiscount_tasks.labelling.deciding import Decided, Given, settle, split_classes
from cdiscount_tasks.labelling.keeping import (
    FixedSplit,
    group_all,
    without_empty_products,
    without_placeholders,
    without_small_classes,
)
from cdiscount_tasks.labelling.near_duplicates import count_near_duplicates
from cdiscount_tasks.labelling.rejections import Rejections
from cdiscount_tasks.labelling.split import read_split_file
from cdiscount_tasks.learning.pictures.check import check_images
from cdiscount_tasks.settings.sample import LabelConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys
from cdiscount_tasks.vocabulary import SPLITS

logger = logging.getLogger(__name__)

VERSION = 6


class LabelsResult(Result):
    """What label fixing decided."""

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


def _categories_in(sample_dir: Path) -> list[int]:
    products = parquet.read_table(sample_dir / "products.parquet", schemas.SAMPLE_PRODUCTS, ["category_id"])
    return sorted(products["category_id"].unique().to_pylist())


def _distinct(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number hashes, V16, by their first appearance; returns the number of each, and the row of each number."""
    # Sorted as two numbers of 64 bits: as objects they take five times the memory, and so does a table of hashes.
    halves = hashes.view(np.uint64).reshape(-1, 2)
    order = np.lexsort(halves.T)
    is_first = np.ones(len(order), bool)
    is_first[1:] = (halves[order[1:]] != halves[order[:-1]]).any(axis=1)
    first_rows = np.sort(order[is_first])
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.searchsorted(first_rows, order[is_first])[np.cumsum(is_first) - 1]
    return numbers, first_rows


def _readable_images(sample_dir: Path, perceptual: bool, rejections: Rejections) -> pd.DataFrame:
    """Decode every distinct picture; returns the readable images with content_hash, pixel_hash and perceptual_hash.

    `image` numbers the distinct pictures by pixels.
    """
    keys = read_image_keys(sample_dir)
    content, first_rows = _distinct(keys["content_hash"])
    # A distinct hash is one object, however many rows have it.
    keys["content_hash"] = keys["content_hash"][first_rows].astype(object)[content]
    images = pd.DataFrame(keys)
    checked = check_images(partial(SampleImages, sample_dir), first_rows, perceptual=perceptual)
    images["pixel_hash"] = np.array(checked.pixel_hashes, object)[content]
    images["perceptual_hash"] = checked.perceptual_hashes[content]
    refusal_of = {refusal.place: refusal for refusal in checked.refusals}
    refused = images["pixel_hash"].isna()
    refusals = [refusal_of[place] for place in content[refused].tolist()]
    rejections.add(
        images.loc[refused, ["product_id", "image_number"]],
        [refusal.reason for refusal in refusals],
        [refusal.detail for refusal in refusals],
    )
    readable = images[~refused].copy()
    readable["image"] = pd.factorize(readable["pixel_hash"])[0]
    return readable


def _named(classes: pd.DataFrame, names: dict[int, CategoryName]) -> pd.DataFrame:
    levels = pd.DataFrame([names[category_id]._asdict() for category_id in classes["category_id"]])
    return cast(pd.DataFrame, pd.concat([classes, levels], axis=1)[schemas.CLASSES.names])


def _decide(
    index_dir: Path, sample_dir: Path, files: LabelFiles, config: LabelConfig, names: dict[int, CategoryName]
) -> tuple[Decided, Rejections, dict[str, int]]:
    """Decide all; returns what was refused, and the counts of placeholders, too."""
    # What people wrote is read before the expensive work, so that a slip is reported in the first seconds.
    if files.fixes_path:
        rules.read_fixes(files.fixes_path, names.keys(), names=names)
    fixed_split = FixedSplit(files.split_path, read_split_file(files.split_path)) if files.split_path else None
    rejections = Rejections()
    images = _readable_images(sample_dir, config.near_duplicates != "off", rejections)
    drawn = parquet.read_table(sample_dir / "products.parquet", schemas.SAMPLE_PRODUCTS).to_pandas()
    outside = find_elsewhere(index_dir, images, drawn["product_id"])
    images, placeholders = without_placeholders(images, outside, config.max_products_per_image, rejections)
    products = without_empty_products(drawn, images, rejections)
    products["group_id"] = group_all(products, images, config.near_duplicates)
    level3 = {category_id: name.level3 for category_id, name in names.items()}
    products, class_ids = without_small_classes(products, level3, config.small_classes, rejections)
    given = Given(images, outside, files.fixes_path, fixed_split, config, names)
    products, class_ids, split = split_classes(products, class_ids, given, rejections)
    decided = settle(products, class_ids, split, given)
    return decided._replace(classes=_named(decided.classes, names)), rejections, placeholders


def _count(
    decided: Decided, rejections: Rejections, placeholders: dict[str, int], config: LabelConfig
) -> dict[str, Any]:
    return {
        **count_decisions(decided.products, decided.images, decided.conflicts, config.conflicts),
        "placeholders": placeholders,
        "rejected_images": rejections.counts(images=True),
        "rejected_products": rejections.counts(images=False),
        "human_fixes": {**decided.num_fixed, "warnings": decided.warnings},
        "warnings": [*decided.split.warnings, *decided.warnings],
    }


def _certify(part_dir: Path, decided: Decided, config: LabelConfig) -> dict[str, Any]:
    """Certify the split from the tables as they were written."""
    products = parquet.read_table(part_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    images = parquet.read_table(part_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    near_duplicates = None
    if config.near_duplicates != "off":
        looks = decided.images["perceptual_hash"].to_numpy()  # row for row
        near_duplicates = count_near_duplicates(images, looks, config.near_duplicates)
    certificate = certify(products, images, decided.split, config.split)
    return {**certificate, "near_duplicates": near_duplicates}


def _write_tables(part_dir: Path, decided: Decided, rejections: Rejections) -> None:
    for name, rows, schema in (
        ("products", decided.products[schemas.LABEL_PRODUCTS.names], schemas.LABEL_PRODUCTS),
        ("images", decided.images[schemas.LABEL_IMAGES.names], schemas.LABEL_IMAGES),
        ("classes", decided.classes, schemas.CLASSES),
        ("conflicts", decided.conflicts.table, schemas.CONFLICTS),
        ("rejected", rejections.columns(), schemas.REJECTED),
    ):
        parquet.write_table(part_dir / f"{name}.parquet", rows, schema)


def _headline(counts: Mapping[str, Any], certificate: Mapping[str, Any], num_classes: int) -> dict[str, int]:
    return {
        "num_classes": num_classes,
        "num_products": counts["num_products"],
        "num_images": counts["num_images"],
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
    libraries = ["pillow"] if config.near_duplicates == "off" else ["pillow", "imagehash"]
    return Recipe(
        stage="labels",
        version=VERSION,
        config=config.model_dump(mode="json"),
        inputs={"index": index_dir, "sample": sample_dir},
        files=hashes,
        libraries=versions(*libraries),
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
    names = _names_of(sample_dir, files, config)

    def write(part_dir: Path) -> Made:
        decided, rejections, placeholders = _decide(index_dir, sample_dir, files, config, names)
        _write_tables(part_dir, decided, rejections)
        counts = _count(decided, rejections, placeholders, config)
        for warning in counts["warnings"]:
            logger.warning(warning)
        write_json(part_dir / "counts.json", counts)
        certificate = _certify(part_dir, decided, config)
        write_json(part_dir / "certificate.json", certificate)
        return Made(_headline(counts, certificate, len(decided.classes)))

    return make(LabelsResult, labels_recipe(index_dir, sample_dir, files, config), artifacts_dir, write)
