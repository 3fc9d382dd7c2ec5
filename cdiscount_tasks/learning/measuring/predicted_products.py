"""A model's answers to a catalogue's products, in columns, and which of them it cannot have learnt."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.vocabulary import SPLITS, TRAIN

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NEW = -1
"""Of `known`: no product that the model's labels hold."""

STRANGER, NO_TRUTH = -1, -2
"""Of `given_class`: a category that the model does not know; the file says none."""


class PredictedProducts(NamedTuple):
    """What a model answered, in columns of one length, [n], in the order of the file.

    Attributes:
        product_id: int64.
        group_id: int64, one of all products that share a picture in the file.
        best: int32, class index of the most probable class, also where the model abstained.
        confidence: float32, its probability at the evaluation's temperature.
        abstained: bool.
        num_images: int8, which the answer is joined from.
        num_damaged: int8, left out.
        copy_of_train: bool, whether one of its pictures is in the model's train split.
        known: int8, place in SPLITS of the same product in the model's labels; NEW.
        given: int64, category id that the file says; 0 where it says none.
        given_class: int32, its class index; STRANGER, NO_TRUTH.
    """

    product_id: Ints
    group_id: Ints
    best: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.float32]
    abstained: Bools
    num_images: npt.NDArray[np.int8]
    num_damaged: npt.NDArray[np.int8]
    copy_of_train: Bools
    known: npt.NDArray[np.int8]
    given: Ints
    given_class: npt.NDArray[np.int32]

    @property
    def is_learnt(self) -> Bools:
        """Return which products the model learnt from, or a picture of which: bool, [n]."""
        return np.asarray((self.known == SPLITS.index(TRAIN)) | ((self.known == NEW) & self.copy_of_train))

    @property
    def is_right(self) -> Bools:
        """Return which products' most probable class is the one that the file says: bool, [n]."""
        return np.asarray(self.best == self.given_class)

    def of_kind(self, kind: str) -> Bools:
        """Return the products of a kind that are in none of the model's train: bool, [n].

        Args:
            kind: `new` to the model, or the split that its labels have them in, `test` or `validation`.
        """
        if kind == "new":
            return np.asarray((self.known == NEW) & ~self.copy_of_train)
        return np.asarray(self.known == SPLITS.index(kind))

    def answered_from(self, threshold: float | None) -> Bools:
        """Return which products are answered from a confidence on: bool, [n]; None: no product."""
        if threshold is None:
            return np.zeros(len(self.best), np.bool_)
        return np.asarray(self.confidence >= np.float32(threshold))


class HeldOut(NamedTuple):
    """What the model answered to the test products of its own labels, [m] each.

    Attributes:
        group_id: int64.
        confidence: float32, at the evaluation's temperature.
        is_right: bool.
    """

    group_id: Ints
    confidence: npt.NDArray[np.float32]
    is_right: Bools
