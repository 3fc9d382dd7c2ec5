"""What a model answers to products: the most probable categories, and how sure it is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.calibration import at_temperature
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.measuring.most_probable import most_probable


class Answers(NamedTuple):
    """The most probable categories of products, the most probable one first.

    Attributes:
        category_ids: int64, [num_products, num_top].
        probabilities: float32, [num_products, num_top], at the temperature: the first is the confidence.
    """

    category_ids: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]


def answer_products(
    of_images: npt.NDArray[np.float32],
    product_of_image: npt.NDArray[np.int64],
    temperature: float,
    category_ids: npt.NDArray[np.int64],
    most: int,
) -> Answers:
    """Join the answers to the images of each product.

    Args:
        of_images: float32, [num_images, num_classes], rows sum to 1.
        product_of_image: int64, [num_images], each in [0, num_products), every product at least once.
        temperature: That was chosen on validation.
        category_ids: int64, [num_classes].
        most: How many categories are kept of each product.
    """
    joint = joint_probabilities(of_images, product_of_image)
    # By what the temperature was not applied to, as an evaluation does: rounding may make two equal.
    top = most_probable(joint, most)
    return Answers(category_ids[top], np.take_along_axis(at_temperature(joint, temperature), top, axis=1))
