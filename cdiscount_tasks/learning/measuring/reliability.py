"""How far the model's own certainty can be trusted: calibration error, and what answering less often brings."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.learning.measuring.calibration import Calibration, Threshold, answered_by_confidence
from cdiscount_tasks.learning.measuring.intervals import (
    Figure,
    figure_of,
    known_exactly,
    mean_figure,
    resampled_sums,
    share_figure,
    share_figures,
)
from cdiscount_tasks.learning.measuring.metrics import log_losses
from cdiscount_tasks.learning.measuring.shares import CONFIDENCE, Floats

MAX_BINS = 15
FEWEST_IN_BIN = 30
MAX_POINTS = 100


def _bin_of(certain: Floats) -> npt.NDArray[np.int64]:
    """Return the bin of each confidence, numbered from the least one; equal confidences are never parted."""
    wanted = int(np.clip(len(certain) // FEWEST_IN_BIN, 1, MAX_BINS))
    edges = np.unique(np.quantile(certain, np.arange(1, wanted) / wanted))
    return np.asarray(np.unique(np.searchsorted(edges, certain), return_inverse=True)[1])


def _error_figure(gap: Floats, place: npt.NDArray[np.int64], group_id: npt.NDArray[np.int64]) -> Figure:
    """Return the expected calibration error with its interval.

    Chance alone lifts the error above 0, and lifts a draw of groups once more, so that percentiles of draws lie too
    high: in a simulation (100 to 1,000 products, in groups) those of a well calibrated model never covered the truth.
    The interval therefore reaches to both sides, down to 0, as far as the bins' gaps differ, added up, in 95 % of the
    draws from those found: by the triangle inequality no error is further away than its gaps. In that simulation it
    covered 93 to 100 %.

    Args:
        gap: [n], right (1) or wrong (0), minus the confidence.
        place: [n], the bin, every one from 0 at least once.
        group_id: int64, [n].
    """
    n, num_groups, num_bins = len(gap), len(np.unique(group_id)), int(place.max()) + 1
    gaps = np.zeros((n, num_bins + 1))
    gaps[np.arange(n), place], gaps[:, -1] = gap, 1
    found = gaps.sum(axis=0)[:-1] / n
    value = float(np.abs(found).sum())
    interval = (np.nan, np.nan)
    if num_groups > 1:
        drawn = resampled_sums(gaps, group_id)
        reach = np.quantile(np.abs(drawn[:, :-1] / drawn[:, -1:] - found).sum(axis=1), CONFIDENCE)
        interval = (max(0.0, value - reach), min(1.0, value + reach))
    return figure_of(value, interval, n, num_groups)


def measure_calibration_error(
    confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Measure how far confidence and accuracy are apart, in bins of equal numbers of products.

    The expected calibration error is the sum over bins of n_bin / n * |accuracy - mean confidence|.

    Args:
        confidence: float, [n], in [0, 1].
        correct: bool, [n].
        group_id: int64, [n].

    Returns:
        `error`; `bins`, from the least confident, none where there is no product: `lowest` and `highest` confidence,
        `n`, mean `confidence`, and the figure `accuracy`. Equal confidences are never parted, so that there are fewer
        bins where many are equal.
    """
    if len(correct) == 0:
        return {"error": known_exactly(None, 0, 0), "bins": []}
    certain = np.asarray(confidence, np.float64)
    place = _bin_of(certain)
    accuracies = share_figures(place, correct, group_id, int(place.max()) + 1)
    bins = pd.DataFrame({"place": place, "confidence": certain}).groupby("place")["confidence"]
    described = bins.agg(["min", "max", "mean"]).round(6)
    return {
        "error": _error_figure(correct - certain, place, group_id),
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
