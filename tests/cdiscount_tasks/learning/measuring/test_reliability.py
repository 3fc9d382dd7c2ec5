from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from cdiscount_tasks.learning.measuring import reliability
from cdiscount_tasks.learning.measuring.calibration import choose_calibration


def make_confidences(n=600, shift=0.0, seed=0):
    """Return confidences, whether each is right (as often as its confidence says, less `shift`), and groups of two."""
    random = np.random.default_rng(seed)
    confidence = random.beta(5, 1.5, n)
    group_id = np.arange(n) // 2
    luck = np.where(random.random(n) < 0.5, random.random(n)[group_id], random.random(n))
    return confidence, luck < confidence - shift, group_id


def plain_error(confidence, correct, num_bins):
    """Cut products, sorted by confidence, into bins of equal size; confidences differ."""
    order = np.argsort(confidence)
    bins = np.array_split(order, num_bins)
    return sum(len(rows) / len(order) * abs(correct[rows].mean() - confidence[rows].mean()) for rows in bins)


def test_the_bins_of_the_calibration_are_those_of_scikit_learn():
    confidence, correct, group_id = make_confidences()
    bins = reliability.measure_calibration_error(confidence, correct, group_id)["bins"]
    accuracy, mean = calibration_curve(correct, confidence, n_bins=15, strategy="quantile")
    assert [one["accuracy"]["value"] for one in bins] == pytest.approx(accuracy, abs=1e-6)
    assert [one["confidence"] for one in bins] == pytest.approx(mean, abs=1e-6)
    assert [one["n"] for one in bins] == [40] * 15


@pytest.mark.parametrize(("n", "num_bins"), [(20, 1), (90, 3), (300, 10), (1_500, 15)])
def test_the_calibration_error_agrees_with_a_plain_loop_over_bins_of_at_least_30(n, num_bins):
    confidence, correct, group_id = make_confidences(n)
    found = reliability.measure_calibration_error(confidence, correct, group_id)
    assert len(found["bins"]) == num_bins
    assert found["error"]["value"] == pytest.approx(plain_error(confidence, correct, num_bins), abs=1e-6)


def test_a_well_calibrated_model_is_not_told_off_and_an_overconfident_one_is():
    told_off = [
        reliability.measure_calibration_error(*make_confidences(300, shift, seed))["error"]["low"] > 0
        for shift in (0.0, 0.3)
        for seed in range(30)
    ]
    assert sum(told_off[:30]) <= 4
    assert all(told_off[30:])


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=200), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_equal_confidences_share_a_bin_and_the_order_of_products_changes_nothing(rows, seed):
    confidence, correct = np.array([level / 8 for level, _ in rows]), np.array([right for _, right in rows])
    found = reliability.measure_calibration_error(confidence, correct, np.arange(len(rows)))
    assert sum(one["n"] for one in found["bins"]) == len(rows)
    ends = [(one["lowest"], one["highest"]) for one in found["bins"]]
    assert all(before[1] < after[0] for before, after in pairwise(ends))
    order = np.random.default_rng(seed).permutation(len(rows))
    assert reliability.measure_calibration_error(confidence[order], correct[order], order)["bins"] == found["bins"]


def test_without_a_product_there_is_no_bin_and_with_one_no_interval():
    nothing = reliability.measure_calibration_error(np.array([]), np.array([], bool), np.array([], int))
    assert nothing["bins"] == [] and nothing["error"]["value"] is None
    one = reliability.measure_calibration_error(np.array([0.7]), np.array([True]), np.array([5]))["error"]
    assert (one["value"], one["low"]) == (0.3, None)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=300))
@settings(max_examples=40, deadline=None)
def test_every_point_of_the_risk_coverage_curve_is_what_a_plain_count_gives(rows):
    confidence, correct = np.array([level / 30 for level, _ in rows]), np.array([right for _, right in rows])
    points = reliability.risk_coverage(confidence, correct)
    assert 0 < len(points) <= 100
    for point in points:
        answered = confidence >= point["threshold"] - 1e-6
        assert point["n"] == answered.sum()
        assert point["coverage"] == pytest.approx(answered.mean(), abs=1e-6)
        assert point["risk"] == pytest.approx(1 - correct[answered].mean(), abs=1e-6)
    coverages = [point["coverage"] for point in points]
    assert coverages == sorted(set(coverages)) and coverages[-1] == 1


NUM_PRODUCTS = 6_000
"""Enough for a promise of 99 %."""


def make_products(seed):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(3, 0.2), NUM_PRODUCTS).astype(np.float32)
    true = (probabilities.cumsum(axis=1) > random.random(NUM_PRODUCTS)[:, None]).argmax(axis=1)
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    columns = {"class_index": true, "predicted": predicted, "probability": confidence, "confidence": confidence}
    in_label = probabilities[np.arange(NUM_PRODUCTS), true]
    return probabilities, pd.DataFrame(
        {**columns, "confidence_in_label": in_label, "group_id": np.arange(NUM_PRODUCTS) // 2}
    )


def test_a_threshold_is_measured_over_the_products_that_it_answers():
    probabilities, products = make_products(0)
    chosen = choose_calibration(probabilities, products["class_index"].to_numpy(), products["group_id"].to_numpy())
    _, test = make_products(1)
    for one in reliability.measure_calibration(test, chosen)["selective"]["thresholds"]:
        answered = test[test["confidence"] >= one["threshold"]]
        precision = (answered["predicted"] == answered["class_index"]).mean()
        assert one["precision"]["value"] == pytest.approx(precision, abs=1e-6)
        assert one["precision"]["low"] < precision < one["precision"]["high"]
        assert one["coverage"]["value"] == pytest.approx(len(answered) / NUM_PRODUCTS, abs=1e-6)
        assert (one["precision"]["n"], one["coverage"]["n"]) == (len(answered), NUM_PRODUCTS)


def test_a_threshold_that_answers_no_test_product_has_no_precision_and_no_coverage_to_speak_of():
    probabilities, products = make_products(0)
    chosen = choose_calibration(probabilities, products["class_index"].to_numpy(), products["group_id"].to_numpy())
    silent = reliability.measure_calibration(products.assign(confidence=np.float32(0.3)), chosen)
    for one in silent["selective"]["thresholds"]:
        assert one["precision"]["value"] is None
        assert one["coverage"]["value"] == 0 and one["coverage"]["high"] > 0
