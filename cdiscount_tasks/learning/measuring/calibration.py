"""What is chosen on validation: a temperature, and the confidence from which a model answers.

What the choices are worth on test is for reliability.py to say.
"""

from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from cdiscount_tasks.learning.measuring.promises import TARGET_PRECISIONS, Threshold, choose_threshold, counted
from cdiscount_tasks.learning.measuring.shares import Floats

FEWEST_TO_CHOOSE = 30
"""A choice made on fewer validation products would be chance."""

_TINY = np.float32(1e-7)  # as joint_probabilities has it: the logarithm of 0 is none
_TEMPERATURES = (0.1, 10.0)
_CELLS_AT_ONCE = 131_072  # products x classes, as float64 1 MB, which a processor's cache holds
_MOST_CELLS = 100_000_000
"""Products x classes on which a temperature is chosen: 0.8 GB with their logarithms, and about a minute of one core."""

_SEED = 0


class Calibration(TypedDict):
    """What was chosen on validation: calibration.json.

    Attributes:
        num_temperature_products: How many of the validation products the temperature was chosen on; missing: on all.
    """

    temperature: float
    temperature_note: str | None
    num_temperature_products: NotRequired[int]
    num_validation_products: int
    thresholds: list[Threshold]


def _tempered_logs(
    logs: npt.NDArray[np.float32], true: npt.NDArray[np.int64], temperature: float
) -> tuple[Floats, Floats]:
    """Return the logarithms of the largest probability at a temperature, and of that of the true class: float64, [n].

    As scipy's log_softmax has them, to the last bit.
    """
    tempered = logs / np.float64(temperature)
    tempered -= tempered.max(axis=1, keepdims=True)
    of_label = tempered[np.arange(len(true)), true]
    np.exp(tempered, out=tempered)
    log_sum = np.log(tempered.sum(axis=1))
    return 0.0 - log_sum, of_label - log_sum


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
        return 1.0, f"Not chosen: {counted(n)}, expected at least {FEWEST_TO_CHOOSE}."
    if (probabilities.argmax(axis=1) == true).all():
        return 1.0, "Not chosen: no mistake on validation, so that ever more certainty would always look better."
    logs = np.maximum(probabilities, _TINY)
    np.log(logs, out=logs)
    parts = _parts(n, num_classes)

    def loss(log_temperature: float) -> float:
        """Return the mean of -ln of the true classes' probabilities."""
        of_label = [_tempered_logs(logs[rows], true[rows], float(np.exp(log_temperature)))[1] for rows in parts]
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
        logs = _tempered_logs(np.log(np.maximum(probabilities[rows], _TINY)), true[rows], temperature)
        confidence[rows], of_label[rows] = np.exp(logs[0]), np.exp(logs[1])
    return confidence, of_label


def at_temperature(probabilities: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Return all probabilities at a temperature, which do not change their order: float32, [n, num_classes].

    Args:
        probabilities: [n, num_classes], rows sum to 1.
        temperature: Above 0; 1 changes nothing.
    """
    made = np.empty(probabilities.shape, np.float32)
    for rows in _parts(*probabilities.shape):
        logs = np.log(np.maximum(probabilities[rows], _TINY)) / np.float64(temperature)
        made[rows] = np.exp(special.log_softmax(logs, axis=1))
    return made


def draw_for_temperature(group_id: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.int64]:
    """Draw the validation products on which a temperature is chosen: all, where their probabilities are not too many.

    Groups are drawn at random and come whole, all but the last.

    Args:
        group_id: int64, [num_products].
        num_classes: How many probabilities each product has.

    Returns:
        int64, ascending: their places.
    """
    most = _MOST_CELLS // num_classes
    if len(group_id) <= most:
        return np.arange(len(group_id))
    groups, place = np.unique(group_id, return_inverse=True)
    turn = np.random.default_rng(_SEED).permutation(len(groups))
    return np.sort(np.argsort(turn[place], kind="stable")[:most])


def calibration_of(
    temperature: tuple[float, str | None],
    num_drawn: int,
    confidence: npt.NDArray[np.float32],
    correct: npt.NDArray[np.bool_],
    group_id: npt.NDArray[np.int64],
) -> Calibration:
    """Choose the thresholds on the validation products, at the temperature that was chosen.

    Args:
        temperature: As `choose_temperature` returns it.
        num_drawn: On how many of the products that was chosen.
        confidence: float32, [num_products], at the temperature.
        correct: bool, [num_products].
        group_id: int64, [num_products].
    """
    chosen = Calibration(
        temperature=temperature[0],
        temperature_note=temperature[1],
        num_validation_products=len(correct),
        thresholds=[choose_threshold(confidence, correct, group_id, target) for target in TARGET_PRECISIONS],
    )
    if num_drawn < len(correct):
        chosen["num_temperature_products"] = num_drawn
    return chosen


def choose_calibration(
    probabilities: npt.NDArray[np.float32], true: npt.NDArray[np.int64], group_id: npt.NDArray[np.int64]
) -> Calibration:
    """Choose temperature and thresholds on the validation products.

    Args:
        probabilities: [num_products, num_classes], rows sum to 1: of every class, however many.
        true: Class index of each product, [num_products].
        group_id: int64, [num_products].
    """
    temperature = choose_temperature(probabilities, true)
    confidence, _ = tempered(probabilities, true, temperature[0])
    return calibration_of(temperature, len(true), confidence, probabilities.argmax(axis=1) == true, group_id)
