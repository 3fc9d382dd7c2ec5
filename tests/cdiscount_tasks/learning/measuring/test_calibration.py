import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
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


def test_logarithms_at_a_temperature_are_those_of_scipy_to_the_last_bit():
    probabilities, true = make_probabilities(50, num_classes=300)
    logs = special.log_softmax(np.log(probabilities) / np.float64(1.7), axis=1)
    largest, of_label = calibration._tempered_logs(np.log(probabilities), true, 1.7)
    assert np.array_equal(largest, logs.max(axis=1))
    assert np.array_equal(of_label, logs[np.arange(50), true])


def test_a_temperature_is_chosen_on_all_validation_products_where_they_are_not_too_many(monkeypatch):
    monkeypatch.setattr(calibration, "_MOST_CELLS", 40 * 300)
    assert calibration.draw_for_temperature(np.arange(40), 300).tolist() == list(range(40))


def test_a_temperature_of_too_many_products_is_chosen_on_whole_groups_drawn_at_random(monkeypatch):
    monkeypatch.setattr(calibration, "_MOST_CELLS", 1000 * 300 + 299)
    group_id = np.arange(4000) // 4 * 10
    drawn = calibration.draw_for_temperature(group_id, 300)
    assert len(drawn) == 1000
    assert (np.diff(drawn) > 0).all()
    assert set(np.unique(group_id[drawn], return_counts=True)[1]) == {4}
    assert np.array_equal(drawn, calibration.draw_for_temperature(group_id, 300))
    assert 1900 < drawn.mean() < 2100


def test_a_draw_is_told_and_a_choice_on_all_has_nothing_to_tell():
    confidence, correct = np.full(50, 0.9, np.float32), np.ones(50, bool)
    drawn = calibration.calibration_of((1.2, None), 40, confidence, correct, np.arange(50))
    assert (drawn["num_temperature_products"], drawn["num_validation_products"]) == (40, 50)
    assert "num_temperature_products" not in calibration.calibration_of(
        (1.2, None), 50, confidence, correct, np.arange(50)
    )
