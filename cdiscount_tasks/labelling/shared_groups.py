"""Groups of a whole catalogue, of which only the products are held that share an image with another."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.labelling.groups import group_products

Integers = npt.NDArray[np.int64]


class SharedGroups(NamedTuple):
    """Products that share an image: int64, ascending product_ids, and the group_id of each."""

    product_ids: Integers
    group_ids: Integers

    def of(self, product_ids: Integers) -> Integers:
        """Return the group of any products, the least product_id of each; one that shares no image is its own."""
        if not len(self.product_ids):
            return product_ids
        place = np.minimum(np.searchsorted(self.product_ids, product_ids), len(self.product_ids) - 1)
        return np.where(self.product_ids[place] == product_ids, self.group_ids[place], product_ids)


def tie_products(product_ids: Integers, images: Integers) -> SharedGroups:
    """Tie products together that share an image, directly or through others.

    Args:
        product_ids: int64, [num_rows]: a row for each product of each shared image.
        images: int64, [num_rows], from 0: which image.
    """
    ids, product = np.unique(product_ids, return_inverse=True)
    return SharedGroups(ids, group_products(ids, product.astype(np.int64), images))
