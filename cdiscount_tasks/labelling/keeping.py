"""What stays in the sample, in which group and which split: whatever goes is rejected with a reason."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.errors import ClassError, DataError
from cdiscount_tasks.labelling.groups import group_products, num_products_per_image
from cdiscount_tasks.labelling.near_duplicates import tie_near_duplicates
from cdiscount_tasks.labelling.rejections import Rejections
from cdiscount_tasks.labelling.split import Split, small_classes, split_by_file, split_by_hash
from cdiscount_tasks.settings.sample import LabelConfig
from cdiscount_tasks.vocabulary import SPLITS, Reason

LARGEST_NEAR_SHARE = 0.05
"""Near-duplicates that tie more than this share of the sample's products into one group are not believed."""


class FixedSplit(NamedTuple):
    """A split file, and the split of each product_id that it names."""

    path: Path
    splits: pd.Series


def without_placeholders(
    images: pd.DataFrame, outside: pd.DataFrame, most: int, rejections: Rejections
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Reject the images that occur in more products of the catalogue than any real image does.

    Args:
        images: Columns product_id, image_number, image (which distinct image); a row a readable image.
        outside: The same images in products outside the sample: image, product_id.
        most: In so many products an image may occur.
        rejections: Takes the placeholders.

    Returns:
        The other images, and the placeholders' num_images and num_distinct.
    """
    everywhere = pd.concat([images[["image", "product_id"]], outside[["image", "product_id"]]])
    count = num_products_per_image(*everywhere.to_numpy(np.int64).T)[: len(images)]
    placeholder = count > most
    details = [
        f"the same picture stands in {n} products of the catalogue, expected at most {most}" for n in count[placeholder]
    ]
    rejections.add(images.loc[placeholder, ["product_id", "image_number"]], Reason.PICTURE_OF_MANY_PRODUCTS, details)
    counts = {
        "num_images": int(placeholder.sum()),
        "num_distinct": int(images.loc[placeholder, "image"].nunique()),
    }
    return images[~placeholder], counts


def without_empty_products(products: pd.DataFrame, images: pd.DataFrame, rejections: Rejections) -> pd.DataFrame:
    """Reject the products of which no image is left."""
    has_image = products["product_id"].isin(images["product_id"])
    rejections.add(
        products.loc[~has_image, ["product_id"]], Reason.NO_IMAGE_LEFT, "no image of the product can be used"
    )
    return products[has_image].reset_index(drop=True)


def _check_near_groups(product_ids: np.ndarray, identical: np.ndarray, group_ids: np.ndarray) -> None:
    """Refuse near-duplicates that tie too much together; what identical images tie is no fault of theirs."""
    groups, sizes = np.unique(group_ids, return_counts=True)
    parts = np.unique(np.stack([group_ids, identical], axis=1), axis=0)[:, 0]
    sizes[np.bincount(np.searchsorted(groups, parts), minlength=len(groups)) < 2] = 0
    largest = int(sizes.argmax()) if len(sizes) else 0
    if len(sizes) and sizes[largest] > LARGEST_NEAR_SHARE * len(product_ids):
        raise DataError(
            f"near_duplicates: group ties {sizes[largest]} of {len(product_ids)} products into one group, that of "
            f"product {groups[largest]}; expected at most {LARGEST_NEAR_SHARE:.0%} of the sample. A "
            "group this large means that the images are similar, not identical: set "
            "near_duplicates: report, which counts them without grouping"
        )


def group_all(products: pd.DataFrame, images: pd.DataFrame, near_duplicates: str) -> np.ndarray:
    """Tie products together whose images share bytes or pixels, and near-duplicates where they are to tie too.

    Args:
        products: Column product_id, ascending; every one has an image.
        images: Columns product_id, content_hash, image (which distinct image by pixels), perceptual_hash.
        near_duplicates: "off", "report" or "group".

    Returns:
        int64, [num_products]: the smallest product_id of the group of each.

    Raises:
        DataError: If near-duplicates tie too many products together.
    """
    product_ids = products["product_id"].to_numpy()
    place = np.searchsorted(product_ids, images["product_id"].to_numpy())
    contents = pd.factorize(images["content_hash"])[0].astype(np.int64)
    same = (contents, images["image"].to_numpy())
    identical = group_products(product_ids, place, *same)
    if near_duplicates != "group":
        return identical
    group_ids = group_products(product_ids, place, *same, tie_near_duplicates(images["perceptual_hash"].to_numpy()))
    _check_near_groups(product_ids, identical, group_ids)
    return group_ids


def without_small_classes(
    products: pd.DataFrame, names: dict[int, str], on_small: str, rejections: Rejections
) -> tuple[pd.DataFrame, list[int]]:
    """Refuse classes that cannot be split, or leave them out.

    Args:
        products: Columns product_id, category_id, group_id.
        names: The name of each category_id of the sample, ascending.
        on_small: "error" or "reject".
        rejections: Takes the products of a small class.

    Returns:
        The products that stay, and their classes' category_ids.

    Raises:
        DataError: If a class is small and that is an error, or fewer than two are left.
    """
    small = small_classes(products, list(names))
    if small and on_small == "error":
        num_groups = products.groupby("category_id")["group_id"].nunique()
        told = ", ".join(f"{c} ({names[c]}: {num_groups.get(c, 0)})" for c in small)
        raise DataError(
            f"categories with fewer than {len(SPLITS)} groups of products cannot be split: {told}; take them out of "
            "the sample's categories, or set small_classes: reject"
        )
    return _leave_out(products, list(names), small, f"its class has fewer than {len(SPLITS)} groups", rejections)


def without_classes(
    products: pd.DataFrame, class_ids: list[int], error: ClassError, rejections: Rejections
) -> tuple[pd.DataFrame, list[int]]:
    """Leave out the classes that cannot be split or learnt, as those that are small.

    Args:
        products: Columns product_id, category_id.
        class_ids: The classes' category_ids, ascending.
        error: Names those that go, and why.
        rejections: Takes their products.

    Returns:
        The products that stay, and their classes' category_ids.

    Raises:
        DataError: If fewer than two are left.
    """
    return _leave_out(products, class_ids, error.category_ids, error.detail, rejections)


def _leave_out(
    products: pd.DataFrame, class_ids: Sequence[int], going: Sequence[int], detail: str, rejections: Rejections
) -> tuple[pd.DataFrame, list[int]]:
    goes = products["category_id"].isin(going)
    rejections.add(products.loc[goes, ["product_id"]], Reason.SMALL_CLASS, detail)
    kept = sorted(set(class_ids) - set(going))
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} class is left to learn, expected at least 2; add categories with more products to the sample"
        )
    return products[~goes], kept


def split_products(
    products: pd.DataFrame,
    class_ids: Sequence[int],
    fixed: FixedSplit | None,
    config: LabelConfig,
    rejections: Rejections,
) -> tuple[pd.DataFrame, Split]:
    """Give each product its split; the products that a split file does not name are rejected.

    Returns:
        The products with `split`, and what had to be done to get there.
    """
    if fixed is None:
        split = split_by_hash(products, class_ids, config.split, config.seed)
        return products.assign(split=split.split), split
    named = products["product_id"].isin(fixed.splits.index)
    rejections.add(products.loc[~named, ["product_id"]], Reason.NOT_IN_SPLIT_FILE, "the split file does not name it")
    products = products[named]
    split = split_by_file(products, fixed.splits, class_ids, config.straddling, fixed.path)
    return products.assign(split=split.split), split
