"""How far the model's own certainty can be trusted: calibration error, and what answering less often brings."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.learning.measuring.calibration import Calibration
from cdiscount_tasks.learning.measuring.calibration_error import calibration_error
from cdiscount_tasks.learning.measuring.intervals import (
    Figure,
    figure_of,
    known_exactly,
    mean_figure,
    share_figure,
    share_figures,
)
from cdiscount_tasks.learning.measuring.metrics import log_losses
from cdiscount_tasks.learning.measuring.promises import Threshold, answered_by_confidence
from cdiscount_tasks.learning.measuring.shares import Floats

MAX_BINS = 15
FEWEST_IN_BIN = 30
MAX_POINTS = 100


def _bin_of(certain: Floats) -> npt.NDArray[np.int64]:
    """Return the bin of each confidence, numbered from the least one; equal confidences are never parted."""
    wanted = int(np.clip(len(certain) // FEWEST_IN_BIN, 1, MAX_BINS))
    edges = np.unique(np.quantile(certain, np.arange(1, wanted) / wanted))
    return np.asarray(np.unique(np.searchsorted(edges, certain), return_inverse=True)[1])


def error_figure(
    confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64]
) -> tuple[Figure, float, npt.NDArray[np.int64]]:
    """Return the calibration error, what it would be without chance, and the bin of each product.

    Args:
        confidence: float, [n], in [0, 1], at least one.
        correct: bool, [n].
        group_id: int64, [n].
    """
    certain = np.asarray(confidence, np.float64)
    place = _bin_of(certain)
    value, without_chance, interval = calibration_error(correct - certain, place, np.asarray(group_id))
    return figure_of(value, interval, len(correct), len(np.unique(group_id))), without_chance, place


def measure_calibration_error(
    confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Measure how far confidence and accuracy are apart, in bins of equal numbers of products.

    Args:
        confidence: float, [n], in [0, 1].
        correct: bool, [n].
        group_id: int64, [n].

    Returns:
        `error`, the sum over bins of n_bin / n * |accuracy - mean confidence|; `error_without_chance`, what is left of
        it without what chance adds; `bins`, from the least confident, none where there is no product: `lowest` and
        `highest` confidence, `n`, mean `confidence`, and the figure `accuracy`. Equal confidences are never parted, so
        that there are fewer bins where many are equal.
    """
    if len(correct) == 0:
        return {"error": known_exactly(None, 0, 0), "error_without_chance": None, "bins": []}
    error, without_chance, place = error_figure(confidence, correct, group_id)
    accuracies = share_figures(place, correct, group_id, int(place.max()) + 1)
    bins = pd.DataFrame({"place": place, "confidence": np.asarray(confidence, np.float64)}).groupby("place")
    described = bins["confidence"].agg(["min", "max", "mean"]).round(6)
    return {
        "error": error,
        "error_without_chance": round(without_chance, 6),
        "bins": [
            {"lowest": low, "highest": high, "n": figure["n"], "confidence": mean, "accuracy": figure}
            for (low, high, mean), figure in zip(described.to_numpy().tolist(), accuracies, strict=True)
        ],
    }


def risk_coverage(confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return what is wrong among the answers when only the most confident products are answered.

    Args:
        confidence: float, [n].
        correct: bool, [n].

    Returns:
        Up to 100 points, coverage rising to 1: `threshold` (the least confidence that answers), `n` answered,
        `coverage` (their share), `risk` (the share of mistakes among them).
    """
    levels, answered, right = answered_by_confidence(confidence, correct)
    if len(levels) == 0:
        return []
    wanted = np.ceil(np.arange(1, MAX_POINTS + 1) * len(correct) / MAX_POINTS)
    chosen = np.unique(np.searchsorted(answered, wanted))
    return [
        {
            "threshold": round(float(levels[place]), 6),
            "n": int(answered[place]),
            "coverage": round(float(answered[place] / len(correct)), 6),
            "risk": round(float(1 - right[place] / answered[place]), 6),
        }
        for place in chosen
    ]


def _measure_threshold(
    chosen: Threshold,
    confidence: npt.NDArray[Any],
    correct: npt.NDArray[np.bool_],
    group_id: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Measure a threshold on products that had no part in its choice."""
    validation = {name: chosen[name] for name in ("num_answered", "precision", "coverage")}
    told = {name: chosen[name] for name in ("target_precision", "threshold", "note")}
    precision: Figure = known_exactly(None, 0, 0)
    coverage: Figure = known_exactly(None, len(correct), len(np.unique(group_id)))
    if chosen["threshold"] is not None:
        answered = confidence >= chosen["threshold"]
        precision = share_figure(correct[answered], group_id[answered])
        coverage = share_figure(answered, group_id)
    return {**told, "validation": validation, "precision": precision, "coverage": coverage}


def measure_calibration(products: pd.DataFrame, chosen: Calibration) -> dict[str, Any]:
    """Measure one split's certainty, and what was chosen on validation.

    Args:
        products: A row per product: group_id, class_index, predicted, probability (of the predicted class), and at the
            chosen temperature confidence and confidence_in_label.
        chosen: On validation.

    Returns:
        `calibration` and `selective`, as docs/metrics-schema.md describes them.
    """
    correct = (products["class_index"] == products["predicted"]).to_numpy()
    groups, confidence = products["group_id"].to_numpy(np.int64), products["confidence"].to_numpy()
    tempered_losses = log_losses(products["confidence_in_label"])
    return {
        "calibration": {
            **measure_calibration_error(products["probability"].to_numpy(), correct, groups),
            "tempered": {
                "temperature": chosen["temperature"],
                "note": chosen["temperature_note"],
                "num_validation_products": chosen["num_validation_products"],
                **measure_calibration_error(confidence, correct, groups),
                "log_loss": mean_figure(tempered_losses, groups, is_share=False),
            },
        },
        "selective": {
            "risk_coverage": risk_coverage(confidence, correct),
            "thresholds": [_measure_threshold(one, confidence, correct, groups) for one in chosen["thresholds"]],
        },
    }
