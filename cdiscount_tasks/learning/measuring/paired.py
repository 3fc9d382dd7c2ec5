"""The paired test: two answers to the same products, compared product by product."""

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.intervals import Figure, mean_figure


def paired_difference(first: npt.ArrayLike, second: npt.ArrayLike, group_id: npt.ArrayLike) -> Figure:
    """Return by how much the first is better than the second on the same products, with its interval over groups.

    What both have in common, a hard product above all, is no part of the difference: the interval is that of the mean
    of the differences, and much narrower than one made of two intervals. Two answers that nowhere differ, or always by
    as much, have no interval: drawing other groups cannot tell what it would be.

    Args:
        first: [n], right or not of each product, or a number of it such as a share or a loss.
        second: [n], the same of the other answer.
        group_id: int64, [n].
    """
    return mean_figure(np.asarray(first, np.float64) - np.asarray(second, np.float64), group_id, is_share=False)
