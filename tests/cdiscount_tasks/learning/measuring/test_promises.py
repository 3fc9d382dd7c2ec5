import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cdiscount_tasks.learning.measuring import promises


def draw_validation(num_groups, seed, size=1):
    """Return confidences, whether each is right (as often as its confidence says), and groups that are all alike."""
    random = np.random.default_rng(seed)
    confidence = random.beta(4, 0.5, num_groups)
    group_id = np.repeat(np.arange(num_groups), size)
    return confidence[group_id], (random.random(num_groups) < confidence)[group_id], group_id


def true_precision(threshold):
    confidence = np.random.default_rng(0).beta(4, 0.5, 200_000)
    return confidence[confidence >= threshold].mean()


@pytest.mark.parametrize("target", [0.95, 0.99])
def test_the_chance_of_so_few_mistakes_is_the_binomial_one(target):
    n, wrong = np.array([59, 60, 300, 1_000]), np.array([0, 2, 1, 40])
    found = promises.chance_of_so_few_mistakes(n.astype(float), 1 - wrong / n, target)
    assert found == pytest.approx(stats.binom.cdf(wrong, n, 1 - target), rel=1e-6)


def test_59_right_answers_are_the_fewest_that_promise_95_percent():
    assert np.ceil(promises.fewest_answers(0.95)) == 59
    assert stats.binom.cdf(0, 59, 0.05) < 0.05 < stats.binom.cdf(0, 58, 0.05)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_independent_answers_are_the_answers_by_their_design_effect_as_a_plain_loop_finds_it(rows):
    confidence, group_id = np.array([row[0] / 7 for row in rows]), np.array([row[1] for row in rows])
    correct = np.array([row[2] for row in rows])
    correlation = promises.correlation_within_groups(correct, group_id)
    expected = []
    for level in sorted(set(confidence), reverse=True):
        sizes = np.bincount(group_id[confidence >= level]).astype(float)
        expected.append(sizes.sum() / (1 + ((sizes**2).sum() / sizes.sum() - 1) * correlation))
    assert promises.independent_answers(confidence, correct, group_id) == pytest.approx(expected)


def test_every_confidence_tested_down_to_the_chosen_one_passes_and_the_next_fails():
    confidence, correct, group_id = draw_validation(2_000, seed=0)
    chosen = promises.choose_threshold(confidence, correct, group_id, 0.95)
    levels, answered, right = promises.answered_by_confidence(confidence, correct)
    tested = promises._places_to_test(answered, answered.astype(float), promises.fewest_answers(0.95))
    passed = stats.binom.cdf((answered - right)[tested], answered[tested], 0.05) <= 0.05
    last = int(np.flatnonzero(levels[tested] == chosen["threshold"])[0])
    assert passed[: last + 1].all() and not passed[last + 1]
    assert chosen["num_answered"] == answered[tested][last]
    assert chosen["precision"] == pytest.approx(correct[confidence >= chosen["threshold"]].mean(), abs=1e-6)
    assert chosen["coverage"] == pytest.approx((confidence >= chosen["threshold"]).mean(), abs=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_a_promise_is_missed_in_few_validations_also_where_products_come_in_groups(size):
    found = [promises.choose_threshold(*draw_validation(600, seed, size), 0.95)["threshold"] for seed in range(100)]
    chosen = [threshold for threshold in found if threshold is not None]
    assert len(chosen) > 50
    assert np.mean([true_precision(threshold) < 0.95 for threshold in chosen]) < 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5


def test_copies_of_products_add_no_certainty():
    single = promises.choose_threshold(*draw_validation(600, seed=1), 0.95)
    copied = promises.choose_threshold(*draw_validation(600, seed=1, size=3), 0.95)
    assert copied["threshold"] == pytest.approx(single["threshold"], abs=0.05)


def test_too_few_validation_products_give_no_threshold_and_the_sentence_says_how_many_are_needed():
    found = promises.choose_threshold(np.linspace(1, 0, 58), np.ones(58, bool), np.arange(58), 0.95)
    assert (found["threshold"], found["num_answered"], found["coverage"]) == (None, 0, 0.0)
    assert found["note"].startswith("No threshold keeps a promise of 95 % precision on 58 validation products: ")
    assert "as much as 58 independent ones" in found["note"] and "59, all answered right" in found["note"]


def test_an_unsure_first_test_gives_no_threshold_and_the_sentence_says_how_many_were_right():
    correct = np.arange(400) % 10 > 0
    found = promises.choose_threshold(np.linspace(1, 0, 400), correct, np.arange(400), 0.95)
    assert found["threshold"] is None
    assert "of the 100 that it is surest of, 90.0 % are right, which is not enough to be 95 % certain" in found["note"]


def test_all_right_answers_everything():
    found = promises.choose_threshold(np.linspace(1, 0, 400), np.ones(400, bool), np.arange(400), 0.95)
    assert (found["threshold"], found["coverage"], found["note"]) == (0.0, 1.0, None)


def test_the_order_of_products_changes_nothing():
    confidence, correct, group_id = draw_validation(900, seed=3, size=2)
    order = np.random.default_rng(0).permutation(len(correct))
    there = promises.choose_threshold(confidence, correct, group_id, 0.95)
    assert promises.choose_threshold(confidence[order], correct[order], group_id[order], 0.95) == there


def test_no_product_gives_no_threshold():
    nothing = np.zeros(0)
    assert promises.choose_threshold(nothing, nothing.astype(bool), nothing.astype(int), 0.95)["threshold"] is None
