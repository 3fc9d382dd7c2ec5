"""What the log says of an index that was made or found."""

import logging
from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.vocabulary import REAL_CATALOGUE_IMAGES, REAL_CATALOGUE_PRODUCTS

logger = logging.getLogger(__name__)


def log_index(result: Mapping[str, Any], num_unlabelled: int, most: float) -> None:
    """Log what a person may want to know of an index: what was left out, and whether it is Kaggle's complete file.

    Args:
        result: Of the stage `index`.
        num_unlabelled: Products without a category.
        most: The share of rejected documents that is allowed.
    """
    # News once: a run that finds the index again has nothing to decide about it.
    if not result["reused"] and (result["num_rejected_documents"] or result["num_rejected_images"]):
        logger.info(
            "%s of %s documents and %s images were rejected, %s bytes could not be read: no more than the %g %% that "
            "CDISCOUNT_MAX_REJECTED_SHARE allows, so there is nothing to do. Each has a row, with its reason, in "
            "%s/rejected.parquet",
            f"{result['num_rejected_documents']:,}", f"{result['num_documents']:,}",
            f"{result['num_rejected_images']:,}", f"{result['num_unreadable_bytes']:,}", 100 * most, result["path"],
        )  # fmt: skip
    if not result["reused"] and num_unlabelled:
        logger.info(
            "%s of %s products have no category: a model can predict them, and nothing is learnt from them "
            "(category_id is null in %s/products.parquet)",
            f"{num_unlabelled:,}", f"{result['num_products']:,}", result["path"],
        )  # fmt: skip
    if result["origin"] != "drawn":
        logger.info(
            "%s Kaggle's complete train.bson (%s products, %s images): %s and %s are here",
            "this is" if result["is_complete_train_bson"] else "this is not",
            *(f"{num:,}" for num in (REAL_CATALOGUE_PRODUCTS, REAL_CATALOGUE_IMAGES, result["num_products"],
                                     result["num_images"])),
        )  # fmt: skip
