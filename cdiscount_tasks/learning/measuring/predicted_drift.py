"""Do the products of a catalogue differ from what the model learnt from? Its pictures, and the answers to them.

Pictures are compared with those of the train and validation products. Answers are compared with those to the validation
and test products, which the model did not learn: what it says of its own train products is too right to compare with.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.learning.measuring.answer_drift import AnswerDrift
from cdiscount_tasks.learning.measuring.drift import (
    PROPERTIES_COMPARED,
    Speakers,
    choose_speakers,
    measure_drift,
)
from cdiscount_tasks.learning.measuring.predicted_products import Bools, Ints
from cdiscount_tasks.learning.measuring.shares import Floats

NO_NEW_PRODUCT = "the model's labels have every product of the file"
NOTHING_LEARNT = "none of the model's groups of products can be compared"


class Compared(NamedTuple):
    """One product of each group, of either side.

    Attributes:
        is_now: bool, [n], whether it is a product of the file, or one of the model's labels.
        row: int64, [n], its row there.
    """

    is_now: Bools
    row: Ints


class Looked(NamedTuple):
    """The pictures that were looked at: of which of the products compared, and what was seen.

    Attributes:
        places: int64, ascending, [m], among the products compared.
        properties: float64, [m, number of PROPERTIES_COMPARED].
        features: float32, [m, num_features].
    """

    places: Ints
    properties: Floats
    features: np.ndarray


def choose_compared(
    before: Ints, is_reference: Bools, is_left_out: Bools, now: Ints, is_new: Bools, seed: int
) -> Compared:
    """Draw one product of each group that is on a side.

    Args:
        before: int64, [num_labelled], the joint group of each product of the labels.
        is_reference: bool, [num_labelled], which of them the new ones are compared with.
        is_left_out: bool, [num_labelled]: groups that hold such a product are on no side, since its copies would
            speak without it.
        now: int64, [num_predicted], the joint group of each product of the file.
        is_new: bool, [num_predicted], which of them the labels do not have.
        seed: Of the draw.
    """
    rows = np.concatenate([np.flatnonzero(is_reference), np.flatnonzero(is_new)])
    is_now = np.repeat([False, True], [is_reference.sum(), is_new.sum()])
    group = np.concatenate([before[is_reference], now[is_new]])
    kept = ~np.isin(group, before[is_left_out])
    chosen = np.flatnonzero(kept)[choose_speakers(group[kept], seed)] if kept.any() else np.zeros(0, np.int64)
    return Compared(is_now[chosen], rows[chosen])


def why_nothing(compared: Compared) -> str | None:
    """Return why there is nothing to compare, as a sentence without its stop; or None."""
    if not compared.is_now.any():
        return NO_NEW_PRODUCT
    return NOTHING_LEARNT if compared.is_now.all() else None


def measure_file_drift(
    compared: Compared, looked: Looked, answers: AnswerDrift, counts: dict[str, int], seed: int
) -> tuple[dict[str, Any], list[tuple[str, int, float]]]:
    """Compare pictures, and put what was found beside how the answers differ.

    Args:
        compared: For the pictures.
        looked: What was seen of some of them.
        answers: How the answers differ.
        counts: For the page; the numbers of groups and pictures are added.
        seed: Of the folds and the intervals.

    Returns:
        As `measure_drift`, but for what it says of categories: those of a file are not those of labels.
    """
    reason = why_nothing(compared)
    is_now = compared.is_now if reason is None else compared.is_now[:0]
    one_class = pd.DataFrame(
        {"name": "", "products_before": 1, "products_now": 1, "groups_before": 1, "groups_now": 1}, index=pd.Index([0])
    )
    nothing_moved = pd.DataFrame({"from_id": [], "to_id": [], "num_products": []})
    of_side = {
        f"num_{what}_{side}": int((flags == value).sum())
        for what, flags in (("groups", is_now), ("pictures", is_now[looked.places]))
        for side, value in (("before", False), ("now", True))
    }
    category_id = np.zeros(len(is_now), np.int64)
    speakers = Speakers(is_now, category_id, looked.places, looked.properties, looked.features)
    drift, shown = measure_drift(
        speakers, one_class, nothing_moved, {**counts, **of_side}, answers=answers, reason=reason, seed=seed
    )
    of_categories = {"classes", "renamed", "total_variation"}
    return {name: value for name, value in drift.items() if name not in of_categories}, shown


def nothing_looked_at(num_features: int) -> Looked:
    """Return what is seen where there is nothing to compare."""
    properties = np.empty((0, len(PROPERTIES_COMPARED)))
    return Looked(np.zeros(0, np.int64), properties, np.empty((0, num_features), np.float32))
