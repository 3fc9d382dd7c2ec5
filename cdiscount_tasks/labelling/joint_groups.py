"""Groups across two labels artifacts: what is tied in either of them, and what both have of the same picture."""

import numpy as np
import pandas as pd

from cdiscount_tasks.labelling.groups import group_products


def join_groups(before: pd.DataFrame, now: pd.DataFrame) -> pd.Series:
    """Tie the products of two labels artifacts together.

    A product that both have is one product. Two products are of one group where either artifact has them in one, or
    where they share a picture, by its pixels, across the two.

    Args:
        before: Columns product_id, group_id, pixel_hash; a row an image.
        now: The same of the other artifact.

    Returns:
        The joint group of each product of either, by product_id: the smallest product_id of the group.
    """
    product_ids = np.unique(np.concatenate([before["product_id"], now["product_id"]]))
    both = pd.concat([before.assign(side=0), now.assign(side=1)], ignore_index=True)
    product = np.searchsorted(product_ids, both["product_id"])
    picture = pd.factorize(both["pixel_hash"])[0]
    group = both.groupby(["side", "group_id"], sort=False).ngroup().to_numpy()
    joint = group_products(product_ids, product, picture.astype(np.int64), group.astype(np.int64))
    return pd.Series(joint, index=pd.Index(product_ids, name="product_id"))
