"""Do two ways to run a network answer alike? Compared product by product, as many at once as one likes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.joining import joint_probabilities

MOST = 1e-5
"""By how much a probability may differ, absolute. Measured: up to 7e-6 (docs/measurements.md)."""


@dataclass
class Parity:
    """What came of comparing.

    Attributes:
        num_products, num_images: Compared so far.
        num_other_answers: Products whose most probable class differs.
        max_difference: Of a probability of a product, absolute.
        max_image_difference: Of a probability of an image or a mirror image, absolute.
    """

    num_products: int = 0
    num_images: int = 0
    num_other_answers: int = 0
    max_difference: float = 0.0
    max_image_difference: float = 0.0

    @property
    def is_kept(self) -> bool:
        """Tell whether every answer is the same, and no probability differs by MOST; a NaN is no small difference."""
        return self.num_other_answers == 0 and max(self.max_difference, self.max_image_difference) < MOST

    def add(
        self,
        expected: npt.NDArray[np.float32],
        found: npt.NDArray[np.float32],
        product_of_image: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Compare the answers to some whole products.

        Args:
            expected: float32, [sides * num_images, num_classes]: of the images, then of their mirror images.
            found: As `expected`, by the other way.
            product_of_image: int64, [num_images], from 0 on, every product at least once.

        Returns:
            Two of float32, [num_products, num_classes]: the joint probabilities, expected and found.
        """
        num_images = len(product_of_image)
        joint = [_joint(one, product_of_image) for one in (expected, found)]
        self.num_products += len(joint[0])
        self.num_images += num_images
        self.num_other_answers += int((joint[0].argmax(axis=1) != joint[1].argmax(axis=1)).sum())
        # `np.maximum` keeps a NaN, which Python's `max` may drop.
        self.max_difference = float(np.maximum(self.max_difference, np.abs(joint[0] - joint[1]).max()))
        self.max_image_difference = float(np.maximum(self.max_image_difference, np.abs(expected - found).max()))
        return joint[0], joint[1]


def _joint(of_sides: npt.NDArray[np.float32], product_of_image: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    num_images = len(product_of_image)
    of_images = joint_probabilities(of_sides, np.tile(np.arange(num_images), len(of_sides) // num_images))
    return joint_probabilities(of_images, product_of_image)
