"""The part of a sample that an audit looks at, where all of it would take too long: some categories, whole groups."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.learning.features.head import keep_whole_groups


class Bounds(NamedTuple):
    """How much is looked at. Time grows with classes x pictures learnt from.

    Attributes:
        classes: Categories, at most; of more, so many are drawn at random.
        images: Pictures, at most; of more, whole groups are drawn at random.
        cells: Classes x pictures, at most; None: only the two bounds above count.
    """

    classes: int
    images: int
    cells: int | None = None

    def most_images(self, num_classes: int) -> int:
        """Return how many pictures of so many classes are looked at, at most."""
        return self.images if self.cells is None else min(self.images, self.cells // num_classes)


class DrawnPart(NamedTuple):
    """The part of a sample that is looked at. Its classes are numbered anew: `category_ids` says what they are.

    Attributes:
        products: The columns of the sample's products, but for class_index; and drawn_index (class of the given
            category, in [0, number of drawn categories)), label_index (class to learn; -1: none of these).
        images: Column product_id.
        wanted: bool, [images of the sample], which of them.
        category_ids: int64, by drawn index, ascending.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    wanted: npt.NDArray[np.bool_]
    category_ids: npt.NDArray[np.int64]

    @property
    def product_of_image(self) -> npt.NDArray[np.int64]:
        """Return the place of each picture's product: int64, [number of drawn images]."""
        return np.searchsorted(self.products["product_id"].to_numpy(), self.images["product_id"].to_numpy())


def draw_part(products: pd.DataFrame, images: pd.DataFrame, bounds: Bounds, seed: int) -> DrawnPart:
    """Draw categories, then whole groups, until no more is left than the bounds allow.

    Args:
        products: Columns product_id (ascending), category_id, group_id, believed (the category to learn) and others.
        images: Column product_id; row for row as the features.
        bounds: How much is looked at.
        seed: Of the draws.
    """
    category_ids = np.unique(products["category_id"])
    if len(category_ids) > bounds.classes:
        category_ids = np.sort(np.random.default_rng(seed).choice(category_ids, bounds.classes, replace=False))
    products = products[products["category_id"].isin(category_ids)]
    group = images["product_id"].map(products.set_index("product_id")["group_id"])
    wanted = group.notna().to_numpy(copy=True)
    most = bounds.most_images(len(category_ids))
    wanted[wanted] = keep_whole_groups(group[wanted].to_numpy(np.int64), most, seed)
    images = images[wanted].reset_index(drop=True)
    products = products[products["product_id"].isin(images["product_id"])].reset_index(drop=True)
    index = pd.Index(category_ids)
    products = products.drop(columns="class_index", errors="ignore").assign(
        drawn_index=index.get_indexer(products["category_id"]), label_index=index.get_indexer(products["believed"])
    )
    return DrawnPart(products, images, wanted, category_ids)
