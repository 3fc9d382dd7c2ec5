"""What is looked at of products: of one picture of each, drawn with a seed, its properties, shapes and colours."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.learning.pictures.properties import PROPERTIES, measure_picture

_PICTURE = 3
"""Of the seeds, beside the draws of learning/measuring/drift.py and stages/drift.py."""

_SIDE = (descriptor.IMAGE_SIDE, descriptor.IMAGE_SIDE)


class Looks(NamedTuple):
    """What was seen, a row a product; a product without a picture that decodes has none.

    Attributes:
        product_id: int64, [n].
        image_number: int64, [n], of the picture that was looked at.
        properties: float64, [n, number of PROPERTIES + 1], the last one how many pictures the product has.
        features: float32, [n, descriptor.NUM_FEATURES].
    """

    product_id: npt.NDArray[np.int64]
    image_number: npt.NDArray[np.int64]
    properties: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32]


def first_usable(pictures: Sequence[bytes], order: Sequence[int] | None = None) -> tuple[int, Image.Image] | None:
    """Return the first picture of a product that decodes, with its place; None: no picture does.

    Args:
        pictures: Encoded.
        order: In which they are tried; None: as they come.
    """
    for place in range(len(pictures)) if order is None else order:
        try:
            return int(place), decode_rgb(pictures[place])
        except ImageRefused:
            continue
    return None


def look_at(products: Iterable[tuple[int, Sequence[int], Sequence[bytes]]], seed: int) -> Looks:
    """Look at one picture of each product, drawn among those that decode.

    Args:
        products: product_id, the numbers of its pictures, and the pictures as they are encoded.
        seed: Of the draw; that of a product depends on nothing else.
    """
    keys, properties, pixels = [], [np.empty((0, len(PROPERTIES) + 1))], [np.empty((0, *_SIDE, 3), np.uint8)]
    for product_id, numbers, pictures in products:
        random = np.random.default_rng([seed, _PICTURE, product_id % 2**64])
        found = first_usable(pictures, random.permutation(len(pictures)).tolist())
        if found is None:
            continue
        place, image = found
        keys.append((product_id, numbers[place]))
        properties.append(np.append(measure_picture(image, len(pictures[place])), len(pictures))[None])
        small = image if image.size == _SIDE else image.resize(_SIDE, Image.Resampling.BILINEAR)
        pixels.append(np.asarray(small)[None])
    product_ids, image_numbers = np.array(keys, np.int64).reshape(-1, 2).T
    return Looks(product_ids, image_numbers, np.concatenate(properties), descriptor.describe(np.concatenate(pixels)))
