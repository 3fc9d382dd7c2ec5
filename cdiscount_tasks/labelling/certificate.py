"""What can be promised about a split, computed from the tables as they were written."""

from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.labelling.split import Split, hash_shares, split_by_shares
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.vocabulary import SPLITS, TEST, TRAIN

_LEAK_SEEDS = range(5)


def _shared_across_splits(images: pd.DataFrame, column: str) -> int:
    """Count the distinct hashes that stand in more than one split."""
    codes, splits = pd.factorize(images[column])[0], pd.factorize(images["split"])[0]
    places = np.unique(codes * len(SPLITS) + splits) // len(SPLITS)
    return int((np.bincount(places) > 1).sum())


def _leaks(picture: np.ndarray, split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are in test, and which of these show a picture that train has too: bool, [num_rows] both."""
    in_train = np.zeros(picture.max(initial=-1) + 1, np.bool_)
    in_train[picture[split == TRAIN]] = True
    in_test = split == TEST
    return in_test, in_test & in_train[picture]


def _share(some: np.ndarray, of: np.ndarray) -> float:
    return int(np.count_nonzero(some)) / max(int(np.count_nonzero(of)), 1)


def leak_of_random_splits(images: pd.DataFrame, shares: SplitConfig) -> dict[str, float]:
    """Measure what splits that ignore copies would have leaked on this very sample.

    Args:
        images: Columns product_id, pixel_hash; one row an image kept.
        shares: The shares of the three splits.

    Returns:
        The mean over five random splits: `by_product`, the share of test products with an image that train has too;
        `by_image`, the share of test images that train has too.
    """
    picture = pd.factorize(images["pixel_hash"])[0]
    ids, product = np.unique(images["product_id"].to_numpy(), return_inverse=True)
    by_product, by_image = [], []
    for seed in _LEAK_SEEDS:
        in_test, leaks = _leaks(picture, split_by_shares(hash_shares(seed, ids), shares)[product])
        of_product = np.bincount(product[in_test], minlength=len(ids)), np.bincount(product[leaks], minlength=len(ids))
        by_product.append(_share(of_product[1], of_product[0]))
        split = split_by_shares(np.random.default_rng(seed).random(len(images)), shares)
        in_test, leaks = _leaks(picture, split)
        by_image.append(_share(leaks, in_test))
    return {"by_product": float(np.mean(by_product)), "by_image": float(np.mean(by_image))}


def _largest_groups(products: pd.DataFrame, giants: set[int]) -> list[dict[str, Any]]:
    sizes = products.groupby(["class_index", "group_id"]).size().rename("num_products").reset_index()
    sizes["share_of_class"] = sizes["num_products"] / sizes.groupby("class_index")["num_products"].transform("sum")
    largest = sizes.sort_values(["class_index", "num_products", "group_id"], ascending=[True, False, True])
    rows = largest.drop_duplicates("class_index").to_dict("records")
    return [
        {
            "class_index": int(row["class_index"]),
            "group_id": int(row["group_id"]),
            "num_products": int(row["num_products"]),
            "share_of_class": round(float(row["share_of_class"]), 6),
            "moved_to_train": int(row["group_id"]) in giants,
        }
        for row in rows
    ]


def _class_shares(products: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what share of each split's products a class has, class by class."""
    counts = pd.crosstab(products["class_index"], products["split"]).reindex(columns=SPLITS, fill_value=0)
    rows = (counts / counts.sum().clip(lower=1)).round(6).reset_index().to_dict("records")
    return [{"class_index": int(row["class_index"]), **{split: float(row[split]) for split in SPLITS}} for row in rows]


def _by_split(values: pd.Series) -> dict[str, int]:
    return {split: int(values.get(split, 0)) for split in SPLITS}


def _shares_of(num_products: dict[str, int]) -> SplitConfig:
    """Return the shares that a split file gave: random splits are compared with it at equal sizes."""
    total = sum(num_products.values())
    return SplitConfig.model_validate({split: count / total for split, count in num_products.items()})


def certify(products: pd.DataFrame, images: pd.DataFrame, split: Split, config: SplitConfig) -> dict[str, Any]:
    """Certify a split from the tables that were written.

    Args:
        products: labels/products.parquet.
        images: labels/images.parquet.
        split: What had to be done to get there.
        config: Where the split came from.

    Returns:
        What certificate.json holds; see docs/data.md.
    """
    groups = products.drop_duplicates("group_id")
    num_products = _by_split(products["split"].value_counts())
    return {
        "shared_content_hashes": _shared_across_splits(images, "content_hash"),
        "shared_pixel_hashes": _shared_across_splits(images, "pixel_hash"),
        "num_straddling_groups": int((products.groupby("group_id")["split"].nunique() > 1).sum()),
        "split_source": "file" if config.file else "hash",
        "num_groups": _by_split(groups["split"].value_counts()),
        "num_products": num_products,
        "num_images": _by_split(images["split"].value_counts()),
        "class_shares": _class_shares(products),
        "largest_groups": _largest_groups(products, set(split.giant_groups)),
        "num_giant_groups": len(split.giant_groups),
        "num_moved_groups": len(split.moved_groups),
        "leak": leak_of_random_splits(images, _shares_of(num_products) if config.file else config),
    }


def ceiling(products: pd.DataFrame, images: pd.DataFrame) -> dict[str, float]:
    """Compute the accuracy on test that contradicting copies deny to any classifier of images.

    A classifier gives equal images equal answers: of those that look the same it gets at most the commonest class.

    Args:
        products: Columns product_id, class_index, split.
        images: Columns product_id, class_index, split, pixel_hash.

    Returns:
        `value` per image, `product` per product (products with the same set of images look the same).
    """
    test_images = images[images["split"] == TEST]
    test_products = products[products["split"] == TEST]
    looks = {
        product_id: tuple(sorted(set(hashes))) for product_id, hashes in test_images.groupby("product_id")["pixel_hash"]
    }
    look = test_products["product_id"].map(looks)
    return {
        "value": _best_share(test_images["pixel_hash"], test_images["class_index"]),
        "product": _best_share(look, test_products["class_index"]),
    }


def _best_share(look: pd.Series, class_index: pd.Series) -> float:
    counts = pd.DataFrame({"look": look.to_numpy(), "class_index": class_index.to_numpy()}).value_counts()
    return float(counts.groupby(level="look").max().sum() / max(counts.sum(), 1))
