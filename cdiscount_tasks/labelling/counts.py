"""What label fixing found and did, in numbers."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.labelling import rules
from cdiscount_tasks.labelling.certificate import ceiling
from cdiscount_tasks.labelling.fix_rows import FixRow
from cdiscount_tasks.vocabulary import CATALOGUE_RIGHT, SPLITS, TRAIN, UNSURE


def count_by_class(products: pd.DataFrame, images: pd.DataFrame, class_ids: list[int]) -> pd.DataFrame:
    """Count each class's products and images in each split.

    Args:
        products: Columns class_index, split; one row a product.
        images: Columns class_index, split; one row an image kept.
        class_ids: The category_id of each class_index.

    Returns:
        Columns class_index, category_id and num_products_*, num_images_* for each split.
    """
    counts: dict[str, Any] = {"class_index": np.arange(len(class_ids)), "category_id": class_ids}
    for what, table in (("products", products), ("images", images)):
        for split in SPLITS:
            classes = table.loc[table["split"] == split, "class_index"].to_numpy(np.int64)
            counts[f"num_{what}_{split}"] = np.bincount(classes, minlength=len(class_ids))
    return pd.DataFrame(counts)


def _conflicts_by_class(products: pd.DataFrame, images: pd.DataFrame) -> list[dict[str, int]]:
    num_images = images["class_index"].value_counts()
    num_products = products.loc[products["conflicted"], "class_index"].value_counts()
    return [
        {
            "class_index": int(class_index),
            "num_images": int(num_images.get(class_index, 0)),
            "num_products": int(num_products.get(class_index, 0)),
        }
        for class_index in sorted(products["class_index"].unique())
    ]


def count_fixes(fixed: pd.DataFrame, settled: pd.DataFrame) -> dict[str, int]:
    """Count what people said of products, and how much of it the contradictions of copies left unlearnt.

    Args:
        fixed: The products as `rules.apply_fixes` left them: category_id, label, rule.
        settled: The same rows as `rules.settle_conflicts` left them: rule.

    Returns:
        The products that people gave another category (num_relabelled) or the given one (num_confirmed), and those that
        they took out (num_excluded). num_contradicted are those of the first two that are not learnt from because every
        image of theirs is contradicted by another copy.
    """
    by_person = fixed["rule"] == rules.HUMAN_FIX
    same = by_person & (fixed["label"] == fixed["category_id"]).fillna(False).astype(bool)
    return {
        "num_relabelled": int((by_person & ~same).sum()),
        "num_confirmed": int(same.sum()),
        "num_excluded": int((fixed["rule"] == rules.HUMAN_EXCLUSION).sum()),
        "num_contradicted": int((by_person & (settled["rule"] == rules.ALL_IMAGES_CONFLICT)).sum()),
    }


def count_judged(rows: Iterable[FixRow], product_ids: Collection[int]) -> dict[str, int]:
    """Count the sample's products of which people said that the catalogue is right, or that they cannot tell.

    Args:
        rows: Those of the fixes file.
        product_ids: The sample's.

    Returns:
        The first change nothing that is learnt (num_found_right); the others are among num_excluded (num_unsure).
    """
    said = {row.product_id: row.verdict for row in rows}
    verdicts = [verdict for product_id, verdict in said.items() if product_id in product_ids]
    return {"num_found_right": verdicts.count(CATALOGUE_RIGHT), "num_unsure": verdicts.count(UNSURE)}


def count_decisions(
    products: pd.DataFrame, images: pd.DataFrame, conflicts: rules.Conflicts, policy: str
) -> dict[str, Any]:
    """Count copies, groups, conflicts and what they cost.

    Args:
        products: labels/products.parquet.
        images: labels/images.parquet.
        conflicts: What settling them gave.
        policy: The config's `conflicts`.

    Returns:
        The part of counts.json that follows from these tables.
    """
    in_train = images["split"] == TRAIN
    conflicting = images["content_hash"].isin(conflicts.table["content_hash"])
    excluded_products = products.loc[(products["rule"] == rules.HUMAN_EXCLUSION) & (products["split"] == TRAIN)]
    not_learnt = in_train & ~images["learnt"] & ~images["product_id"].isin(excluded_products["product_id"])
    rule_counts = products["rule"].value_counts()
    return {
        "num_products": len(products),
        "num_images": len(images),
        "num_distinct_images": int(images["pixel_hash"].nunique()),
        "num_identical_copies": int(len(images) - images["pixel_hash"].nunique()),
        "num_groups": int(products["group_id"].nunique()),
        "num_products_in_groups_of_several": int(products["group_id"].duplicated(keep=False).sum()),
        "conflicts": {
            "policy": policy,
            "num_images": int(conflicting.sum()),
            "num_distinct": len(conflicts.table),
            "num_products": int(products["conflicted"].sum()),
            "by_class": _conflicts_by_class(products, images[conflicting]),
            "num_images_not_learnt": int(not_learnt.sum()),
            "num_relabelled": int(rule_counts.get(rules.MAJORITY, 0)),
        },
        "num_products_not_learnt": int((products["label"].isna() & (products["split"] == TRAIN)).sum()),
        "ceiling": ceiling(products, images),
    }
