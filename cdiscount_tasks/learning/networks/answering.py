"""A network at work on images that come some hundred at a time, however many there are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.networks.backend import answer_pixels
from cdiscount_tasks.learning.networks.loading import load_network
from cdiscount_tasks.learning.networks.soundness import check_answers
from cdiscount_tasks.learning.pictures.inputs import mirror_images
from cdiscount_tasks.learning.pictures.shifted import VIEWS, crop_images


class AnsweringNetwork:
    """A network out of the file that a training published, ready to answer.

    Attributes:
        image_size: Side of its images in pixels.
    """

    def __init__(self, path: Path, contract: Mapping[str, Any], num_classes: int) -> None:
        """Load the network; `contract` is input.json beside it.

        Raises:
            DataError: If it cannot be loaded, or its weights are no finite numbers.
        """
        self._network = load_network(path, contract)
        self._path, self._num_classes = path, num_classes
        self.image_size = int(contract["image_size"])
        self._views = VIEWS[contract.get("views", "flip")]

    def answer(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the class probabilities of images, each judged in all its views, as `predict_images` does.

        Args:
            pixels: uint8, [num_images, image_size, image_size, 3], at least one.

        Returns:
            float32, [num_images, num_classes], rows sum to 1.

        Raises:
            DataError: If the network has other classes, or an answer is no finite number.
        """
        seen = [self._answer(pixels, crop, mirrored) for crop in self._views for mirrored in (False, True)]
        probabilities = joint_probabilities(np.concatenate(seen), np.tile(np.arange(len(pixels)), len(seen)))
        check_answers(probabilities, self._num_classes, self._path)
        return probabilities

    def _answer(self, pixels: np.ndarray, crop: Sequence[int] | None, mirrored: bool) -> np.ndarray:
        if crop is None:
            return answer_pixels(self._network, pixels, mirrored)
        # In this order an evaluation does it, and not quite the same comes of the other one.
        cropped = crop_images(mirror_images(pixels) if mirrored else pixels, crop)
        return answer_pixels(self._network, cropped, mirrored=False)
