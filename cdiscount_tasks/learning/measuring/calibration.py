"""What is chosen on validation: a temperature, and the confidence from which a model answers.

What the choices are worth on test is for reliability.py to say.
"""

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from cdiscount_tasks.learning.measuring.shares import Floats

TARGET_PRECISIONS = (0.99, 0.95)
FEWEST_TO_CHOOSE = 30
"""A choice made on fewer validation products would be chance."""

_TINY = np.float32(1e-7)  # as joint_probabilities has it: the logarithm of 0 is none
_TEMPERATURES = (0.1, 10.0)
_CELLS_AT_ONCE = 4_000_000  # products x classes held in memory as float64: 32 MB


class Threshold(TypedDict):
    """The least confidence that answers, for a precision; null, with the reason, where validation gives none.

    `num_answered`, `precision` and `coverage` are those on validation.
    """

    target_precision: float
    threshold: float | None
    num_answered: int
    precision: float | None
    coverage: float
    note: str | None


class Calibration(TypedDict):
    """What was chosen on validation: calibration.json."""

    temperature: float
    temperature_note: str | None
    num_validation_products: int
    thresholds: list[Threshold]


def _counted(num_products: int) -> str:
    return f"{num_products:,} validation {'product' if num_products == 1 else 'products'}"


def _tempered_logs(logs: npt.NDArray[np.float32], temperature: float) -> Floats:
    return np.asarray(special.log_softmax(logs / np.float64(temperature), axis=1))


def _parts(num_rows: int, num_classes: int) -> list[slice]:
    """Cut rows so that a part of them fits into memory as float64."""
    step = max(1, _CELLS_AT_ONCE // num_classes)
    return [slice(first, first + step) for first in range(0, num_rows, step)]


def choose_temperature(probabilities: npt.NDArray[np.float32], true: npt.NDArray[np.int64]) -> tuple[float, str | None]:
    """Choose the temperature T that gives probabilities^(1 / T), normalised, the least log-loss (Guo et al. 2017).

    Args:
        probabilities: [n, num_classes], rows sum to 1.
        true: Class index of each row, [n].

    Returns:
        T in [0.1, 10], rounded to 4 digits, and a sentence where it was not free; 1 where the rows give no minimum.
    """
    n, num_classes = probabilities.shape
    if n < FEWEST_TO_CHOOSE:
        return 1.0, f"Not chosen: {_counted(n)}, expected at least {FEWEST_TO_CHOOSE}."
    if (probabilities.argmax(axis=1) == true).all():
        return 1.0, "Not chosen: no mistake on validation, so that ever more certainty would always look better."
    logs = np.log(np.maximum(probabilities, _TINY))
    parts = _parts(n, num_classes)

    def loss(log_temperature: float) -> float:
        """Return the mean of -ln of the true classes' probabilities."""
        of_label = [
            np.take_along_axis(_tempered_logs(logs[rows], np.exp(log_temperature)), true[rows, None], axis=1)
            for rows in parts
        ]
        return -float(np.mean(np.concatenate(of_label)))

    bounds = np.log(_TEMPERATURES)
    found = optimize.minimize_scalar(loss, bounds=tuple(bounds), method="bounded", options={"xatol": 1e-5})
    at_bound = np.abs(bounds - found.x).min() < 1e-3
    note = f"At the end of what is tried, {_TEMPERATURES[0]:g} to {_TEMPERATURES[1]:g}." if at_bound else None
    return round(float(np.exp(found.x)), 4), note


def tempered(
    probabilities: npt.NDArray[np.float32], true: npt.NDArray[np.int64], temperature: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the largest probability at a temperature, and that of the true class.

    Args:
        probabilities: [n, num_classes], rows sum to 1.
        true: Class index of each row, [n].
        temperature: Above 0; 1 changes nothing.

    Returns:
        Two of float32, [n].
    """
    confidence, of_label = np.empty(len(true), np.float32), np.empty(len(true), np.float32)
    for rows in _parts(*probabilities.shape):
        logs = _tempered_logs(np.log(np.maximum(probabilities[rows], _TINY)), temperature)
        confidence[rows] = np.exp(logs.max(axis=1))
        of_label[rows] = np.exp(np.take_along_axis(logs, true[rows, None], axis=1)[:, 0])
    return confidence, of_label


def answered_by_confidence(
    confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the answers, and the right ones, were the model to answer from each confidence that occurs.

    Args:
        confidence: float, [n].
        correct: bool, [n].

    Returns:
        The distinct confidences, falling; of each, the rows that have at least as much; and how many of them are right.
    """
    table = pd.DataFrame({"confidence": confidence, "right": correct.astype(np.int64)})
    sums = table.groupby("confidence")["right"].agg(["size", "sum"]).sort_index(ascending=False).cumsum()
    return sums.index.to_numpy(), sums["size"].to_numpy(np.int64), sums["sum"].to_numpy(np.int64)


def _no_threshold(target_precision: float, note: str) -> Threshold:
    return Threshold(
        target_precision=target_precision, threshold=None, num_answered=0, precision=None, coverage=0.0, note=note
    )


def choose_threshold(
    confidence: npt.NDArray[np.float32], correct: npt.NDArray[np.bool_], target_precision: float
) -> Threshold:
    """Choose the lowest confidence above which the answers are as precise as wished.

    Args:
        confidence: [n].
        correct: bool, [n].
        target_precision: In (0, 1].
    """
    levels, answered, right = answered_by_confidence(confidence, correct)
    precise = (answered >= FEWEST_TO_CHOOSE) & (right >= target_precision * answered - 1e-9)
    if len(correct) < FEWEST_TO_CHOOSE:
        note = (
            f"No confidence is chosen for {100 * target_precision:.0f} % precision: {_counted(len(correct))}, expected "
            f"at least {FEWEST_TO_CHOOSE}."
        )
        return _no_threshold(target_precision, note)
    if not precise.any():
        best = f"the best of {FEWEST_TO_CHOOSE} or more answers is"
        enough = answered >= FEWEST_TO_CHOOSE
        reached = f"; {best} {100 * (right / answered)[enough].max():.1f} %"
        note = (
            f"No confidence gives {100 * target_precision:.0f} % precision on at least {FEWEST_TO_CHOOSE} of "
            f"{_counted(len(correct))}{reached}."
        )
        return _no_threshold(target_precision, note)
    last = int(np.flatnonzero(precise)[-1])
    return Threshold(
        target_precision=target_precision,
        threshold=float(levels[last]),
        num_answered=int(answered[last]),
        precision=round(float(right[last] / answered[last]), 6),
        coverage=round(float(answered[last] / len(correct)), 6),
        note=None,
    )


def choose_calibration(probabilities: npt.NDArray[np.float32], true: npt.NDArray[np.int64]) -> Calibration:
    """Choose temperature and thresholds on the validation products.

    Args:
        probabilities: [num_products, num_classes], rows sum to 1: of every class, however many.
        true: Class index of each product, [num_products].
    """
    temperature, note = choose_temperature(probabilities, true)
    confidence, _ = tempered(probabilities, true, temperature)
    correct = probabilities.argmax(axis=1) == true
    return Calibration(
        temperature=temperature,
        temperature_note=note,
        num_validation_products=len(true),
        thresholds=[choose_threshold(confidence, correct, target) for target in TARGET_PRECISIONS],
    )
