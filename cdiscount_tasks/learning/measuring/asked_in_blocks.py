"""What a network says of products, asked block by block: never more is held than what is kept of each, and a block.

A temperature must be known before a confidence is. It is chosen on validation products whose probabilities are held;
where these would be too many, a draw of them is asked first. So a network is asked about each image once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.calibration import (
    Calibration,
    calibration_of,
    choose_temperature,
    draw_for_temperature,
    tempered,
)
from cdiscount_tasks.learning.measuring.joining import join_blocks
from cdiscount_tasks.learning.measuring.metrics import squared_errors
from cdiscount_tasks.learning.measuring.most_probable import most_probable

Ask = Callable[[npt.NDArray[np.int64]], Iterator[npt.NDArray[np.float32]]]
"""Gives the class probabilities of some images, by their places, ascending: in their order, some at a time."""


@dataclass(frozen=True)
class AskedProducts:
    """Products with their images, which lie product after product.

    Attributes:
        true: Class index of each, int64, [num_products].
        group_id: int64, [num_products].
        on_validation: bool, [num_products].
        num_images: int64, [num_products], at least 1 each.
    """

    true: npt.NDArray[np.int64]
    group_id: npt.NDArray[np.int64]
    on_validation: npt.NDArray[np.bool_]
    num_images: npt.NDArray[np.int64]


class Kept:
    """What is kept of the class probabilities of many rows.

    Attributes:
        predicted: The most probable class, int16, [num_rows].
        probability_of_label: float32, [num_rows].
        top_classes: int16, [num_rows, num_top], the most probable first; None: all classes are kept.
        probabilities: float32, [num_rows, num_top], theirs; or [num_rows, num_classes].
    """

    def __init__(self, true: npt.NDArray[np.int64], num_classes: int, num_top: int | None) -> None:
        """Make room for rows of these true classes; `num_top`: how many classes are kept of each, None: all."""
        num_rows = len(true)
        self._true = true
        self.predicted = np.empty(num_rows, np.int16)
        self.probability_of_label = np.empty(num_rows, np.float32)
        self.top_classes = None if num_top is None else np.empty((num_rows, num_top), np.int16)
        self.probabilities = np.empty((num_rows, num_top or num_classes), np.float32)

    def put(self, rows: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32]) -> None:
        """Keep what there is to keep of some rows.

        Args:
            rows: int64, [n].
            probabilities: float32, [n, num_classes].
        """
        self.predicted[rows] = probabilities.argmax(axis=1)
        self.probability_of_label[rows] = probabilities[np.arange(len(rows)), self._true[rows]]
        if self.top_classes is None:
            self.probabilities[rows] = probabilities
        else:
            top = most_probable(probabilities, self.top_classes.shape[1])
            self.top_classes[rows], self.probabilities[rows] = top, np.take_along_axis(probabilities, top, axis=1)


class Certainty:
    """What takes the probabilities of all classes, of which little may be kept: float32, [num_products] each.

    Attributes:
        squared_error: Each product's part of the Brier score.
        confidence: The largest probability, at the temperature.
        confidence_in_label: That of the true class.
    """

    def __init__(self, true: npt.NDArray[np.int64]) -> None:
        self._true = true
        self.squared_error, self.confidence, self.confidence_in_label = np.empty((3, len(true)), np.float32)

    def put(self, rows: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32], temperature: float) -> None:
        """Measure some products.

        Args:
            rows: int64, [n].
            probabilities: float32, [n, num_classes].
            temperature: That was chosen.
        """
        true = self._true[rows]
        self.squared_error[rows] = squared_errors(probabilities, true)
        self.confidence[rows], self.confidence_in_label[rows] = tempered(probabilities, true, temperature)


@dataclass(frozen=True)
class Said:
    """What was said of images and of products, and what was chosen on validation."""

    images: Kept
    products: Kept
    certainty: Certainty
    calibration: Calibration


def _iter_products(
    ask: Ask, asked: AskedProducts, places: npt.NDArray[np.int64], images: Kept
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Ask about some products, and keep what is said of their images.

    Yields:
        Places of some of them, and their probabilities.
    """
    num_images = asked.num_images[places]
    first_image = np.cumsum(asked.num_images) - asked.num_images
    within = np.arange(num_images.sum()) - np.repeat(np.cumsum(num_images) - num_images, num_images)
    rows = np.repeat(first_image[places], num_images) + within

    def blocks() -> Iterator[npt.NDArray[np.float32]]:
        first = 0
        for block in ask(rows):
            images.put(rows[first : first + len(block)], block)
            first += len(block)
            yield block

    first = 0
    for of_products in join_blocks(blocks(), np.repeat(np.arange(len(places)), num_images)):
        yield places[first : first + len(of_products)], of_products
        first += len(of_products)


def _asked_first(asked: AskedProducts, num_classes: int, num_top: int | None) -> npt.NDArray[np.int64]:
    """Return the products whose probabilities are held: all where all are kept anyway, else those of the temperature.

    Asked in their order, as all together would be: a network's answer may depend, in its last bit, on its neighbours.
    """
    if num_top is None:
        return np.arange(len(asked.true))
    validation = np.flatnonzero(asked.on_validation)
    return validation[draw_for_temperature(asked.group_id[validation], num_classes)]


def ask_in_blocks(ask: Ask, asked: AskedProducts, num_classes: int, num_top: int | None) -> Said:
    """Ask about every image of all products, and choose on validation what the answers are worth.

    Args:
        ask: Whom.
        asked: The products.
        num_classes: Of each answer.
        num_top: Of how many classes the probabilities are kept, the most probable ones; None: of all.
    """
    images = Kept(np.repeat(asked.true, asked.num_images), num_classes, num_top)
    products, certainty = Kept(asked.true, num_classes, num_top), Certainty(asked.true)
    first = _asked_first(asked, num_classes, num_top)
    # Where all is kept, what is kept is what is held.
    held = products.probabilities if num_top is None else np.empty((len(first), num_classes), np.float32)
    at = 0
    for places, of_products in _iter_products(ask, asked, first, images):
        products.put(places, of_products)
        held[at : at + len(places)] = of_products
        at += len(places)
    of_validation = asked.on_validation[first]
    chosen_on = held if of_validation.all() else held[of_validation]
    temperature = choose_temperature(chosen_on, asked.true[first][of_validation])
    certainty.put(first, held, temperature[0])
    del held, chosen_on
    for places, of_products in _iter_products(ask, asked, _others(first, len(asked.true)), images):
        products.put(places, of_products)
        certainty.put(places, of_products, temperature[0])
    confidence, correct = certainty.confidence[asked.on_validation], (products.predicted == asked.true)
    calibration = calibration_of(
        temperature,
        int(of_validation.sum()),
        confidence,
        correct[asked.on_validation],
        asked.group_id[asked.on_validation],
    )
    return Said(images, products, certainty, calibration)


def _others(places: npt.NDArray[np.int64], num_all: int) -> npt.NDArray[np.int64]:
    is_other = np.ones(num_all, bool)
    is_other[places] = False
    return np.flatnonzero(is_other)
