"""Class probabilities of products, from those of their images."""

from collections.abc import Iterable, Iterator

import numpy as np

SMALLEST_PROBABILITY = np.float32(1e-7)
"""A smaller one counts as this: the logarithm of 0 is none."""

_CELLS_AT_ONCE = 65_536
"""Products x classes joined together: as float64 0.5 MB, which a processor's cache holds. Twice as fast as all at once,
and no more memory than that beside what is returned."""


def _joint(logs: np.ndarray, firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return float64, [num_products, num_classes], from the logarithms of images that lie product after product."""
    joint: np.ndarray = logs[firsts]
    for nth in range(1, counts.max()):  # image after image, as np.add.reduceat adds, and faster
        more = np.flatnonzero(counts > nth)
        joint[more] += logs[firsts[more] + nth]
    joint /= counts[:, None]
    joint -= joint.max(axis=1, keepdims=True)
    np.exp(joint, out=joint)
    joint /= joint.sum(axis=1, keepdims=True)
    return joint


def joint_probabilities(probabilities: np.ndarray, product_of_image: np.ndarray) -> np.ndarray:
    """Join the class probabilities of each product's images by their normalised geometric mean.

    It beat the arithmetic mean by 0.26 points and single images by 2.5 on 353,494 products (mwbyeon/kaggle-cdiscount).

    Args:
        probabilities: float32, [num_images, num_classes], rows sum to 1.
        product_of_image: int64, [num_images], each in [0, num_products), every product at least once.

    Returns:
        float32, [num_products, num_classes], rows sum to 1.
    """
    num_classes = probabilities.shape[1]
    order = np.argsort(product_of_image, kind="stable")
    products, firsts, counts = np.unique(product_of_image[order], return_index=True, return_counts=True)
    joint = np.full((int(product_of_image.max(initial=-1)) + 1, num_classes), np.nan, np.float32)
    ends, step = firsts + counts, max(1, _CELLS_AT_ONCE // num_classes)
    for first in range(0, len(products), step):
        some = slice(first, first + step)
        of_these = probabilities[order[firsts[first] : ends[some][-1]]]
        logs = np.log(np.maximum(of_these, SMALLEST_PROBABILITY)).astype(np.float64)
        joint[products[some]] = _joint(logs, firsts[some] - firsts[first], counts[some])
    return joint


def join_blocks(blocks: Iterable[np.ndarray], product_of_image: np.ndarray) -> Iterator[np.ndarray]:
    """Join as `joint_probabilities` does where images come block by block; the last product of a block may be cut.

    Args:
        blocks: Each float32, [some images, num_classes], image after image.
        product_of_image: int64, [num_images], of all blocks together: ascending from 0, every product at least once.

    Yields:
        float32, [some products, num_classes], product after product: those whose images have all come.
    """
    first, waiting = 0, None
    for block in blocks:
        waiting = np.concatenate([waiting, block]) if waiting is not None and len(waiting) else block
        end = first + len(waiting)
        if end < len(product_of_image):
            end = int(np.searchsorted(product_of_image, product_of_image[end]))
        whole = product_of_image[first:end]
        if len(whole):
            yield joint_probabilities(waiting[: len(whole)], whole - whole[0])
        waiting, first = waiting[len(whole) :].copy(), end
