import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cdiscount_tasks.learning.features import domain_classifier
from cdiscount_tasks.learning.features.domain_classifier import MOST_SHOWN, ToldApart, most_telling, tell_apart


def sides(num_before=150, num_now=100, apart=0.0, num_features=8, seed=0):
    random = np.random.default_rng(seed)
    is_now = np.repeat([False, True], [num_before, num_now])
    features = random.normal(size=(len(is_now), num_features)).astype(np.float32)
    features[is_now, 0] += apart
    return features, is_now


def test_sides_that_differ_are_told_apart():
    found = tell_apart(*sides(apart=3), seed=0)
    assert found.is_alarm
    assert found.auc["low"] < found.auc["value"] < found.auc["high"]
    assert (found.auc["n"], found.auc["num_groups"]) == (250, 250)


def test_sides_that_do_not_differ_are_not():
    found = [tell_apart(*sides(seed=seed), seed=0) for seed in range(20)]
    assert not any(one.is_alarm for one in found)
    assert np.mean([one.auc["value"] for one in found]) == pytest.approx(0.5, abs=0.03)


def test_the_area_is_that_of_scikit_learn_ties_included():
    random = np.random.default_rng(1)
    score, is_now = random.integers(0, 6, 300) / 6, random.random(300) < 0.3
    once = np.ones((1, 300))
    assert domain_classifier._auc_of_draws(score, is_now, once)[0] == pytest.approx(roc_auc_score(is_now, score))
    times = random.integers(0, 4, (1, 300)).astype(float)
    weighted = roc_auc_score(is_now, score, sample_weight=times[0])
    assert domain_classifier._auc_of_draws(score, is_now, times)[0] == pytest.approx(weighted)


def test_the_interval_is_as_wide_as_theory_has_it():
    """Of two equal sides the variance is (n + m + 1) / 12 n m (Mann and Whitney 1947)."""
    auc = tell_apart(*sides(400, 400), seed=0).auc
    assert auc["high"] - auc["low"] == pytest.approx(2 * 1.96 * np.sqrt(801 / 12 / 400**2), rel=0.15)


def test_the_same_seed_gives_the_same_figures():
    first, again = (tell_apart(*sides(apart=1), seed=3) for _ in range(2))
    assert first.auc == again.auc
    assert (first.score == again.score).all()


@pytest.mark.parametrize(
    ("value", "low", "is_alarm"),
    [(0.61, 0.56, True), (0.60, 0.58, False), (0.70, 0.55, False), (None, None, False)],
)
def test_an_alarm_needs_a_large_area_and_a_large_lower_end(value, low, is_alarm):
    auc = {"value": value, "low": low, "high": 0.8, "n": 90, "num_groups": 90}
    assert ToldApart(auc, np.zeros(90)).is_alarm == is_alarm


def test_the_surest_of_either_side_come_first():
    score, is_now = np.linspace(0, 1, 60), np.arange(60) % 2 == 1
    before, now = most_telling(score, is_now)
    assert (before.tolist()[:2], now.tolist()[:2]) == ([0, 2], [59, 57])
    assert len(before) == len(now) == MOST_SHOWN
    assert not is_now[before].any()
    assert is_now[now].all()
