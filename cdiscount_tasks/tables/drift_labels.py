"""What drift reads of two labels artifacts, and what is the same in both."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from cdiscount_tasks.tables.hash_numbers import distinct_hashes, numbers_of
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES, LABEL_IMAGES, LABEL_PRODUCTS


class DriftLabels(NamedTuple):
    """A labels artifact as drift sees it.

    Attributes:
        products: Columns product_id (ascending), category_id, group_id, split.
        images: Columns product_id, image_number, pixel_hash (a number in its place); row for row as the features.
        names: What each class is called, by category_id.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    names: pd.Series

    def images_of(self, product_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first row and the number of images of each product: int64, [num_products] each."""
        ids = self.images["product_id"].to_numpy()
        first = np.searchsorted(ids, product_ids, side="left")
        return first, np.searchsorted(ids, product_ids, side="right") - first


def _read(labels_dir: Path, images: pa.Table, pixels: npt.NDArray[np.int32]) -> DriftLabels:
    columns = ["product_id", "category_id", "group_id", "split"]
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS, columns).to_pandas()
    classes = read_table(labels_dir / "classes.parquet", CLASSES, ["category_id", "level3"]).to_pandas()
    names = classes.set_index("category_id")["level3"]
    keys = images.select(["product_id", "image_number"]).to_pandas()
    return DriftLabels(products.sort_values("product_id", ignore_index=True), keys.assign(pixel_hash=pixels), names)


def read_drift_labels(*labels_dirs: Path) -> list[DriftLabels]:
    """Read products, images and names of labels artifacts; the same pixels have the same number in all of them.

    Raises:
        DataError: If a file is missing or damaged.
    """
    columns = ["product_id", "image_number", "pixel_hash"]
    images = [read_table(folder / "images.parquet", LABEL_IMAGES, columns) for folder in labels_dirs]
    known = distinct_hashes(*(table["pixel_hash"] for table in images))
    return [
        _read(folder, table, numbers_of(table["pixel_hash"], known))
        for folder, table in zip(labels_dirs, images, strict=True)
    ]


def find_changed(before: DriftLabels, now: DriftLabels) -> np.ndarray:
    """Return the products that both have, with other pictures now: int64, product_id, ascending."""
    common = np.intersect1d(before.products["product_id"], now.products["product_id"])
    sides = [one.images[["product_id", "pixel_hash"]].drop_duplicates() for one in (before, now)]
    looks = pd.concat([one[one["product_id"].isin(common)] for one in sides])
    alone = ~looks.duplicated(keep=False)
    return np.unique(looks.loc[alone, "product_id"].to_numpy(np.int64))


def list_classes(before: DriftLabels, now: DriftLabels) -> pd.DataFrame:
    """Return what both hold of each class: by category_id, name, products and groups of either side."""
    counts = {}
    for side, labels in (("before", before), ("now", now)):
        by_class = labels.products.groupby("category_id")
        counts[f"products_{side}"], counts[f"groups_{side}"] = by_class.size(), by_class["group_id"].nunique()
    lists = pd.DataFrame(counts).fillna(0).astype("int64").sort_index()
    names = now.names.combine_first(before.names).reindex(lists.index)
    return lists.assign(name=[str(name) for name in names.fillna(pd.Series(lists.index.astype(str), lists.index))])


def count_moved(before: DriftLabels, now: DriftLabels) -> pd.DataFrame:
    """Count the products that both have by their category before and now: from_id, to_id, num_products."""
    both = before.products.merge(now.products, on="product_id", suffixes=("_before", "_now"))
    pairs = both.groupby(["category_id_before", "category_id_now"]).size().rename("num_products").reset_index()
    return pairs.rename(columns={"category_id_before": "from_id", "category_id_now": "to_id"})
