import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from cdiscount_tasks.learning.measuring import calibration


def make_probabilities(n=2_000, num_classes=4, seed=0):
    """Return probabilities, and true classes drawn by exactly these."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(num_classes, 0.4), n) * 0.998 + 0.002 / num_classes
    true = (probabilities.cumsum(axis=1) > random.random(n)[:, None]).argmax(axis=1)
    return probabilities.astype(np.float32), true


def at_temperature(probabilities, temperature):
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("distortion", [0.5, 2.0])
def test_a_temperature_that_distorted_right_probabilities_is_found_again(distortion):
    probabilities, true = make_probabilities()
    temperature, note = calibration.choose_temperature(at_temperature(probabilities, distortion).astype("f4"), true)
    assert temperature == pytest.approx(1 / distortion, rel=0.1)
    assert note is None


def test_no_other_temperature_has_a_lower_log_loss_by_scikit_learn():
    probabilities, true = make_probabilities(500, seed=1)
    chosen, _ = calibration.choose_temperature(probabilities, true)
    losses = {t: log_loss(true, at_temperature(probabilities, t)) for t in [chosen, *np.geomspace(0.2, 5, 60)]}
    assert min(losses.values()) >= losses[chosen] - 1e-7


def test_rows_taken_in_parts_give_the_same_temperature(monkeypatch):
    probabilities, true = make_probabilities(300)
    whole = calibration.choose_temperature(probabilities, true), calibration.tempered(probabilities, true, 1.7)
    monkeypatch.setattr(calibration, "_CELLS_AT_ONCE", 40)
    in_parts = calibration.choose_temperature(probabilities, true), calibration.tempered(probabilities, true, 1.7)
    assert in_parts[0] == whole[0]
    assert np.array_equal(in_parts[1], whole[1])


def test_few_validation_products_or_none_wrong_leave_the_temperature_at_1_and_say_why():
    probabilities, true = make_probabilities(100)
    few = calibration.choose_temperature(probabilities[:29], true[:29])
    assert few[0] == 1 and "29 validation products" in few[1]
    faultless = calibration.choose_temperature(probabilities, probabilities.argmax(axis=1))
    assert faultless[0] == 1 and "no mistake" in faultless[1]
    assert calibration.choose_temperature(probabilities[:0], true[:0])[0] == 1


def test_a_temperature_that_has_no_minimum_stops_at_the_end_and_says_so():
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (40, 1))
    temperature, note = calibration.choose_temperature(probabilities, np.ones(40, np.int64))
    assert temperature == pytest.approx(10, rel=0.01)
    assert "At the end of what is tried" in note


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_a_temperature_changes_no_answer_and_keeps_probabilities_below_1(seed, temperature):
    probabilities, true = make_probabilities(20, seed=seed)
    confidence, in_label = calibration.tempered(probabilities, true, temperature)
    expected = at_temperature(probabilities, temperature)
    assert np.allclose(confidence, expected.max(axis=1), atol=1e-5)
    assert np.allclose(in_label, expected[np.arange(20), true], atol=1e-5)
    right = probabilities.argmax(axis=1) == true
    assert np.array_equal(confidence[right], in_label[right])
    assert (in_label <= confidence).all() and (confidence <= 1).all()


def test_probabilities_of_exactly_0_and_1_stay_finite():
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 2, 0] * 10]
    true = np.array([0, 1, 1, 0] * 10)
    chosen = calibration.choose_calibration(probabilities, true, np.arange(40))
    confidence, in_label = calibration.tempered(probabilities, true, chosen["temperature"])
    assert np.isfinite(confidence).all() and (in_label >= 0).all()


def test_without_a_validation_product_nothing_is_chosen():
    chosen = calibration.choose_calibration(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert [one["threshold"] for one in chosen["thresholds"]] == [None, None]
    assert chosen["num_validation_products"] == 0
