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


def plain_threshold(confidence, correct, target):
    """Try every confidence that occurs, and keep the lowest that is precise enough on at least 30 answers."""
    kept = None
    for level in sorted(set(confidence.tolist())):
        answers = [right for one, right in zip(confidence, correct, strict=True) if one >= level]
        if len(answers) >= 30 and sum(answers) / len(answers) >= target and kept is None:
            kept = level, len(answers)
    return kept


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
    chosen = calibration.choose_calibration(probabilities, true)
    confidence, in_label = calibration.tempered(probabilities, true, chosen["temperature"])
    assert np.isfinite(confidence).all() and (in_label >= 0).all()


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9)), min_size=1, max_size=120), st.sampled_from([0.95, 0.8])
)
@settings(max_examples=60, deadline=None)
def test_the_threshold_is_the_lowest_that_is_precise_enough_as_a_plain_loop_finds_it(rows, target):
    """Confidences are few, so that many are equal, and right the more often the higher."""
    confidence = np.array([level / 13 for level, _ in rows], np.float32)
    correct = np.array([luck < 5 + level for level, luck in rows])
    found = calibration.choose_threshold(confidence, correct, target)
    expected = plain_threshold(confidence, correct, target)
    assert (found["threshold"], found["num_answered"]) == (expected or (None, 0))
    assert (found["note"] is None) == (expected is not None)
    if expected:
        answered = confidence >= found["threshold"]
        assert answered.sum() == found["num_answered"]
        assert found["precision"] == pytest.approx(correct[answered].mean(), abs=1e-6)
        assert found["coverage"] == pytest.approx(answered.mean(), abs=1e-6)


def test_29_right_answers_are_too_few_to_choose_a_threshold_by_and_the_sentence_says_what_was_reached():
    confidence, correct = np.linspace(1, 0, 100, dtype=np.float32), np.arange(100) < 29
    found = calibration.choose_threshold(confidence, correct, 0.99)
    assert found["threshold"] is None
    assert "99 % precision on at least 30 of 100 validation products" in found["note"]
    assert "is 96.7 %" in found["note"]


def test_without_a_validation_product_nothing_is_chosen():
    chosen = calibration.choose_calibration(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    assert [one["threshold"] for one in chosen["thresholds"]] == [None, None]
    assert chosen["num_validation_products"] == 0
