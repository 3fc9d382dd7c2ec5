"""What a model's answers to a whole catalogue are worth: arrays in, figures out.

The catalogue may say its products' categories or not, and may hold products that the model learnt from, or that belong
to none of its classes. What the model learnt from is in no accuracy; what it does not know is counted by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from cdiscount_tasks.learning.measuring.calibration import Calibration
from cdiscount_tasks.learning.measuring.confusion import confusion
from cdiscount_tasks.learning.measuring.intervals import Figure, known_exactly, mean_figure, share_figure
from cdiscount_tasks.learning.measuring.predicted_products import (
    NEW,
    NO_TRUTH,
    STRANGER,
    Bools,
    HeldOut,
    Ints,
    PredictedProducts,
)
from cdiscount_tasks.vocabulary import SPLITS, TEST, VALIDATION

FEWEST_GROUPS = 30
"""An accuracy on fewer independent groups is not the page's headline where another one has more."""

NUM_STRANGE_CATEGORIES = 20

_KINDS = ("new", TEST, VALIDATION)


def count_answers(answers: PredictedProducts) -> dict[str, int]:
    """Count products and images."""
    return {
        "num_predicted": len(answers.best),
        "num_answered": int((~answers.abstained).sum()),
        "num_abstained": int(answers.abstained.sum()),
        "num_images": int(answers.num_images.sum(dtype=np.int64)),
        "num_damaged_images_of_predicted": int(answers.num_damaged.sum(dtype=np.int64)),
        "num_products_with_damage": int((answers.num_damaged > 0).sum()),
        "num_with_truth": int((answers.given_class != NO_TRUTH).sum()),
    }


def measure_classes(answers: PredictedProducts, classes: pd.DataFrame) -> list[dict[str, Any]]:
    """Put what was answered beside what the model learnt from, class by class.

    Args:
        answers: Of all products.
        classes: A row per class index: category_id, level3, num_products_train.

    Returns:
        Of each class, in the order of its index: category_id, name, `num_train` and `share_train` (products that the
        model learnt from), `num_best` and `share_best` (products whose most probable class it is), `num_answered`,
        `mean_confidence` of its products, `num_given` (products that the file puts there).
    """
    num = len(classes)
    best = np.bincount(answers.best, minlength=num)
    answered = np.bincount(answers.best[~answers.abstained], minlength=num)
    confidence = np.bincount(answers.best, answers.confidence, minlength=num)
    given = np.bincount(answers.given_class[answers.given_class >= 0], minlength=num)
    train = classes["num_products_train"].to_numpy(np.int64)
    return [
        {
            "category_id": int(category_id),
            "name": str(name),
            "num_train": int(train[place]),
            "share_train": round(float(train[place] / max(1, train.sum())), 6),
            "num_best": int(best[place]),
            "share_best": round(float(best[place] / max(1, len(answers.best))), 6),
            "num_answered": int(answered[place]),
            "mean_confidence": round(float(confidence[place] / best[place]), 6) if best[place] else None,
            "num_given": int(given[place]),
        }
        for place, (category_id, name) in enumerate(zip(classes["category_id"], classes["level3"], strict=True))
    ]


def count_known(answers: PredictedProducts) -> dict[str, int]:
    """Count the products that the model knows, by split (`train`: learnt from), and copies of what it learnt from."""
    known = {split: int((answers.known == place).sum()) for place, split in enumerate(SPLITS)}
    is_new = answers.known == NEW
    return {
        **known,
        "new": int(is_new.sum()),
        "copies_of_train": int(answers.copy_of_train.sum()),
        "new_copies_of_train": int((is_new & answers.copy_of_train).sum()),
        "learnt": int(answers.is_learnt.sum()),
    }


def _unknown() -> Figure:
    return known_exactly(None, 0, 0)


def _share(right: Bools, group_id: Ints, of: Bools) -> Figure:
    """Return a share among some products with its interval; undefined without one."""
    return share_figure(right[of], group_id[of]) if of.any() else _unknown()


def _promise(answers: PredictedProducts, chosen: Mapping[str, Any], tested: HeldOut) -> dict[str, Any]:
    threshold = chosen["threshold"]
    answered, not_learnt = answers.answered_from(threshold), ~answers.is_learnt
    of_classes, is_told = answers.given_class >= 0, answers.given_class != NO_TRUTH
    on_test = np.zeros(len(tested.confidence), np.bool_)
    if threshold is not None:
        on_test = tested.confidence >= np.float32(threshold)
    kinds = {kind: answers.of_kind(kind) & of_classes for kind in _KINDS}
    return {
        "target_precision": chosen["target_precision"],
        "threshold": threshold,
        "note": chosen["note"],
        "num_answered": int(answered.sum()),
        "share_answered": round(float(answered.mean()), 6) if len(answered) else None,
        "on_test": {
            "precision": _share(tested.is_right, tested.group_id, on_test),
            "coverage": share_figure(on_test, tested.group_id) if threshold is not None else _unknown(),
        },
        "precision": {
            kind: _share(answers.is_right, answers.group_id, answered & rows) for kind, rows in kinds.items()
        },
        "precision_of_all": _share(answers.is_right, answers.group_id, answered & is_told & not_learnt),
        "strangers_answered": _share(
            answered, answers.group_id, (answers.given_class == STRANGER) & (threshold is not None)
        ),
    }


def measure_promises(answers: PredictedProducts, calibration: Calibration, tested: HeldOut) -> list[dict[str, Any]]:
    """Measure how much is answered at each promised precision, and, where the file has truth, how well.

    Args:
        answers: Of all products.
        calibration: What was chosen on validation: calibration.json.
        tested: The model's own test products.

    Returns:
        Of each target: threshold and note as chosen; `num_answered`, `share_answered`; `on_test`, precision and
        coverage there; `precision` of the answered products of the model's classes, of each kind that it did not learn
        from; `precision_of_all`, with the products of other categories, whose answers are all wrong; and
        `strangers_answered`, the share of those that is answered.
    """
    return [_promise(answers, chosen, tested) for chosen in calibration["thresholds"]]


def _headline_kind(accuracy: Mapping[str, Figure]) -> str | None:
    """Return of which products the accuracy is told first: new ones, unless they are few and others are more."""
    groups = {kind: figure["num_groups"] for kind, figure in accuracy.items()}
    enough = [kind for kind in _KINDS if groups[kind] >= FEWEST_GROUPS]
    best = enough[0] if enough else max(_KINDS, key=lambda kind: groups[kind])
    return best if groups[best] else None


def measure_truth(answers: PredictedProducts, num_classes: int) -> dict[str, Any] | None:
    """Measure accuracy where the file says categories; None: it says none.

    Args:
        answers: Of all products.
        num_classes: Of the model.

    Returns:
        `num_of_classes` products of the model's classes, `num_learnt` of them that it learnt from; `accuracy` of the
        others by kind (new, test, validation); `headline`, the kind that is told first, or null; its `confusion`.
    """
    if (answers.given_class == NO_TRUTH).all():
        return None
    of_classes = answers.given_class >= 0
    rows = {kind: answers.of_kind(kind) & of_classes for kind in _KINDS}
    accuracy = {kind: _share(answers.is_right, answers.group_id, of) for kind, of in rows.items()}
    headline = _headline_kind(accuracy)
    confused = None
    if headline is not None:
        of = rows[headline]
        confused = confusion(answers.given_class[of], answers.best[of], num_classes)
    return {
        "num_of_classes": int(of_classes.sum()),
        "num_learnt": int((of_classes & answers.is_learnt).sum()),
        "accuracy": accuracy,
        "headline": headline,
        "confusion": confused,
    }


def _strange_category(category_id: int, rows: pd.DataFrame) -> dict[str, Any]:
    answered = rows[rows["answered"]]
    best = (answered if len(answered) else rows)["best"].mode().iloc[0]
    return {
        "category_id": category_id,
        "num_products": len(rows),
        "num_answered": len(answered),
        "mean_confidence": round(float(rows["confidence"].mean()), 6),
        "mostly": int(best),
    }


def measure_strangers(answers: PredictedProducts) -> dict[str, Any]:
    """Count the products of categories that the model does not know, and what it answered to them all the same.

    Returns:
        `num_products`, `num_new` of them new to the model, `num_categories`, `num_answered`; and `categories`,
        those with the most answered products first, 20 at most: num_products, num_answered, mean_confidence, and
        `mostly`, the class index that most of its answered products (or of all, where none is) were given.
    """
    rows = answers.given_class == STRANGER
    columns = {
        "given": answers.given,
        "answered": ~answers.abstained,
        "best": answers.best,
        "confidence": answers.confidence,
    }
    table = pd.DataFrame({name: column[rows] for name, column in columns.items()})
    sizes = table.groupby("given")["answered"].agg(["sum", "size"]).reset_index()
    most = sizes.sort_values(["sum", "size", "given"], ascending=[False, False, True]).head(NUM_STRANGE_CATEGORIES)
    shown = {cast(int, one): part for one, part in table[table["given"].isin(most["given"])].groupby("given")}
    return {
        "num_products": len(table),
        "num_new": int((answers.known[rows] == NEW).sum()),
        "num_categories": len(sizes),
        "num_answered": int(table["answered"].sum()),
        "categories": [_strange_category(int(one), shown[int(one)]) for one in most["given"]],
    }


def _mean_confidence(answers: PredictedProducts, rows: Bools) -> Figure:
    mean = float(answers.confidence[rows].mean(dtype=np.float64)) if rows.any() else None
    return known_exactly(mean, int(rows.sum()), len(np.unique(answers.group_id[rows])))


def measure_expected(answers: PredictedProducts, tested: HeldOut, kind: str | None = None) -> dict[str, Any]:
    """Return the accuracy that the model's own confidence promises, and what the same sum was worth on test.

    The mean of calibrated confidences is the expected accuracy on products like those that they were calibrated on, and
    on no others. Products that the model learnt from are left out.

    Args:
        answers: Of all products.
        tested: The model's own test products.
        kind: Of which products of the model's classes the accuracy is told first; None: of none.

    Returns:
        `expected` over the products that it did not learn from, whatever their category; `of_headline` over those of
        which the accuracy is told first; `on_test`: `expected` by the same sum, and the
        `accuracy` that was true there; `gap`, accuracy minus expected on test, in [-1, 1].
    """
    of_headline = np.zeros(len(answers.best), np.bool_)
    if kind is not None:
        of_headline = answers.of_kind(kind) & (answers.given_class >= 0)
    said = float(tested.confidence.mean(dtype=np.float64)) if len(tested.confidence) else None
    num_groups = len(np.unique(tested.group_id))
    return {
        "expected": _mean_confidence(answers, ~answers.is_learnt),
        "of_headline": _mean_confidence(answers, of_headline),
        "on_test": {
            "expected": known_exactly(said, len(tested.confidence), num_groups),
            "accuracy": share_figure(tested.is_right, tested.group_id) if said is not None else _unknown(),
        },
        "gap": mean_figure(tested.is_right - tested.confidence.astype(np.float64), tested.group_id, is_share=False),
    }


def used_promise(promises: Sequence[Mapping[str, Any]], target_precision: float | None) -> Mapping[str, Any] | None:
    """Return the promise that a run answers at; None: it answers every product."""
    return next((one for one in promises if one["target_precision"] == target_precision), None)


def measure_answers(
    answers: PredictedProducts, classes: pd.DataFrame, calibration: Calibration, tested: HeldOut
) -> dict[str, Any]:
    """Measure everything that the answers alone can tell; summary.json holds it, and docs/data.md describes it.

    Args:
        answers: Of all products.
        classes: As `measure_classes` takes them.
        calibration: What was chosen on validation.
        tested: The model's own test products.
    """
    truth = measure_truth(answers, len(classes))
    return {
        "counts": count_answers(answers),
        "known": count_known(answers),
        "classes": measure_classes(answers, classes),
        "promises": measure_promises(answers, calibration, tested),
        "truth": truth,
        "strangers": measure_strangers(answers),
        "expected": measure_expected(answers, tested, truth["headline"] if truth else None),
    }
