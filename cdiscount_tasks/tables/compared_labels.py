"""What a comparison reads of labels and features: products, groups, images, and the vectors of some of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.tables.features import read_features_of
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES, LABEL_IMAGES, LABEL_PRODUCTS


class ComparedLabels(NamedTuple):
    """A labels artifact as a comparison sees it.

    Attributes:
        products: Columns product_id, class_index, group_id; by product_id.
        images: Columns product_id, image_number, distinct_image (the same number for the same pixels); row for row as
            the features.
        classes: classes.parquet.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    classes: pd.DataFrame


def read_compared_labels(labels_dir: Path) -> ComparedLabels:
    """Read products, images and classes of a labels artifact.

    Raises:
        DataError: If a file is missing or damaged.
    """
    columns = ["product_id", "class_index", "group_id"]
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS, columns).to_pandas()
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, ["product_id", "image_number", "pixel_hash"])
    frame = images.to_pandas()
    frame["distinct_image"] = pd.factorize(frame.pop("pixel_hash"))[0]
    classes = read_table(labels_dir / "classes.parquet", CLASSES).to_pandas()
    return ComparedLabels(products.sort_values("product_id", ignore_index=True), frame, classes)


def keep_products(
    labels: ComparedLabels, features_dir: Path, product_ids: np.ndarray
) -> tuple[ComparedLabels, np.ndarray]:
    """Return the labels of some products, and the vectors of their images.

    Args:
        labels: Of all products.
        features_dir: Finished features artifact of these labels.
        product_ids: int64, the products to keep.

    Returns:
        The labels cut to them, and float32, [num_images, num_features].

    Raises:
        DataError: If the features are damaged.
    """
    products = labels.products[labels.products["product_id"].isin(product_ids)].reset_index(drop=True)
    wanted = labels.images["product_id"].isin(product_ids).to_numpy()
    images = labels.images[wanted].reset_index(drop=True)
    return ComparedLabels(products, images, labels.classes), read_features_of(features_dir, wanted)
