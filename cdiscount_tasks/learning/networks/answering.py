"""A network at work on images that come some hundred at a time, however many there are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.networks.loading import load_network
from cdiscount_tasks.learning.networks.soundness import check_answers
from cdiscount_tasks.learning.pictures.inputs import mirror_images
from cdiscount_tasks.machine.gpus import Device

_SEEN_AT_ONCE_ON_CPU = 64
"""More is no quicker there, and a pretrained network's first layers take 10 MB an image."""


class AnsweringNetwork:
    """A network out of the file that a training published, ready to answer.

    Attributes:
        image_size: Side of its images in pixels.
    """

    def __init__(self, path: Path, contract: Mapping[str, Any], num_classes: int, device: Device) -> None:
        """Load the network; `contract` is input.json beside it.

        Raises:
            DataError: If it cannot be loaded, or its weights are no finite numbers.
        """
        self._network = load_network(path, contract)
        # XLA, which Keras uses on a GPU by itself, would compile the network anew for every number of images.
        self._network.jit_compile = False
        self._path, self._num_classes = path, num_classes
        self._is_on_gpu = device.name.startswith("GPU")
        self.image_size = int(contract["image_size"])

    def answer(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the class probabilities of images, each judged with its mirror image, as `predict_images` does.

        Args:
            pixels: uint8, [num_images, image_size, image_size, 3], at least one; a GPU sees all of them together.

        Returns:
            float32, [num_images, num_classes], rows sum to 1.

        Raises:
            DataError: If the network has other classes, or an answer is no finite number.
        """
        num_images = len(pixels)
        at_once = num_images if self._is_on_gpu else _SEEN_AT_ONCE_ON_CPU
        seen = []
        # `predict` starts a thread and walks its callbacks each time it is called: a tenth of what a chunk takes.
        for side in (pixels, mirror_images(pixels)):
            for first in range(0, num_images, at_once):
                seen.append(np.asarray(self._network.predict_on_batch(side[first : first + at_once]), np.float32))
        probabilities = joint_probabilities(np.concatenate(seen), np.tile(np.arange(num_images), 2))
        check_answers(probabilities, self._num_classes, self._path)
        return probabilities
