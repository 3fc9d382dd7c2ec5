import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score

from cdiscount_tasks.learning.measuring import intervals, shares
from tests.material.predictions import make_predictions, plain_bootstrap


def test_accuracy_is_the_share_of_right_answers_with_what_it_is_counted_over():
    true, predicted, group_id = make_predictions()
    figure = intervals.mean_figure(true == predicted, group_id)
    assert figure["value"] == pytest.approx(accuracy_score(true, predicted), abs=1e-6)
    assert (figure["n"], figure["num_groups"]) == (len(true), 200)
    assert figure["low"] < figure["value"] < figure["high"]


def test_the_interval_of_accuracy_agrees_with_a_plain_bootstrap_over_groups():
    true, predicted, group_id = make_predictions()
    correct = true == predicted
    figure = intervals.mean_figure(correct, group_id)
    low, high = plain_bootstrap(lambda rows: correct[rows].mean(), group_id, seed=1)
    assert figure["low"] == pytest.approx(low, abs=0.006)
    assert figure["high"] == pytest.approx(high, abs=0.006)


def test_groups_widen_the_interval_that_single_products_would_give():
    true, predicted, group_id = make_predictions()
    by_group = intervals.mean_figure(true == predicted, group_id)
    by_product = intervals.mean_figure(true == predicted, np.arange(len(true)))
    assert by_group["high"] - by_group["low"] > 1.2 * (by_product["high"] - by_product["low"])


@pytest.mark.parametrize("width", [2, intervals._WIDEST_COMPARED + 1])
def test_drawing_equal_groups_together_keeps_the_law_of_the_sums(width):
    """Narrow sums draw each distinct row with its count, wide ones each group: both must spread alike."""
    random = np.random.default_rng(3)
    values = np.zeros((300, width))
    values[:, 0], values[:, 1] = random.random(300) < 0.7, 1
    drawn = intervals.resampled_sums(values, np.arange(300))
    assert drawn.shape == (intervals.NUM_DRAWS, width)
    assert drawn[:, 0].mean() == pytest.approx(values[:, 0].sum(), abs=1)
    assert drawn[:, 0].std() == pytest.approx(np.sqrt(300 * 0.7 * 0.3), rel=0.08)
    assert (drawn[:, 1] == 300).all()


def test_figures_do_not_depend_on_the_order_of_products_or_the_names_of_groups():
    true, predicted, group_id = make_predictions()
    order = np.random.default_rng(5).permutation(len(true))
    correct = true == predicted
    assert intervals.mean_figure(correct, group_id) == intervals.mean_figure(correct[order], group_id[order] + 10**9)


def test_one_group_has_the_wide_interval_of_a_single_trial():
    figure = intervals.mean_figure([1, 1, 0, 1], [7, 7, 7, 7])
    assert figure["value"] == 0.75
    assert figure["high"] - figure["low"] > 0.7


def test_the_difference_of_two_accuracies_spreads_as_that_of_independent_samples():
    random = np.random.default_rng(0)
    a, b = random.random(400) < 0.9, random.random(400) < 0.7
    figure = intervals.difference_of_accuracies(a, np.arange(400), b, np.arange(400))
    spread = 1.96 * np.sqrt(a.mean() * (1 - a.mean()) / 400 + b.mean() * (1 - b.mean()) / 400)
    assert figure["value"] == pytest.approx(a.mean() - b.mean(), abs=1e-6)
    assert figure["high"] - figure["low"] == pytest.approx(2 * spread, rel=0.1)
    assert figure["num_groups"] == 800


def test_a_difference_of_accuracies_turned_round_has_the_same_interval_turned_round():
    random = np.random.default_rng(0)
    a, b = (random.random(60) < 0.9, np.arange(60) // 2), (np.ones(40, bool), np.arange(40))
    there, back = intervals.difference_of_accuracies(*a, *b), intervals.difference_of_accuracies(*b, *a)
    assert [there[end] for end in ("low", "value", "high")] == [-back[end] for end in ("high", "value", "low")]


@pytest.mark.slow
def test_a_difference_of_accuracies_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    groups, covered = np.repeat(np.arange(100), 2), 0
    for _ in range(400):
        a, b = (np.repeat(random.random(100) < share, 2) for share in (0.9, 0.75))
        figure = intervals.difference_of_accuracies(a, groups, b, groups)
        covered += figure["low"] <= 0.15 <= figure["high"]
    assert abs(covered / 400 - 0.95) < 3 * (0.95 * 0.05 / 400) ** 0.5


def test_a_million_groups_cost_little():
    correct = np.random.default_rng(0).random(1_000_000) < 0.8
    figure = intervals.mean_figure(correct, np.arange(1_000_000))
    assert figure["high"] - figure["low"] == pytest.approx(2 * 1.96 * 0.4 / 1000, rel=0.1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_takes_the_wilson_interval_on_as_many_products_as_there_are_groups(share):
    group_id = np.repeat(np.arange(40), 3)
    figure = intervals.mean_figure(np.full(120, share), group_id)
    low, high = shares.wilson_interval(share, 40)
    assert (figure["low"], figure["high"]) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert high - low == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-3)


def test_where_resampling_cannot_tell_one_large_group_weighs_more_than_its_number():
    """100 products in 51 groups, of which one has 50: they tell less than 51 products would."""
    group_id = np.append(np.zeros(50, int), np.arange(1, 51))
    figure = intervals.mean_figure(np.ones(100), group_id)
    low, _ = shares.wilson_interval(1.0, 100**2 / (50**2 + 50))
    assert figure["low"] == pytest.approx(low, abs=1e-6)


def test_a_difference_that_never_varies_has_no_interval():
    figure = intervals.mean_figure(np.zeros(9), np.arange(9), is_share=False)
    assert (figure["value"], figure["low"], figure["high"]) == (0.0, None, None)


def test_no_product_gives_a_figure_without_a_value():
    nothing = {"value": None, "low": None, "high": None, "n": 0, "num_groups": 0}
    assert intervals.mean_figure([], []) == nothing
    assert intervals.share_figure(np.array([], bool), np.array([], int)) == nothing


@pytest.mark.parametrize(("right", "n"), [(0, 12), (7, 31), (290, 300), (40, 40)])
def test_without_groups_a_share_has_the_wilson_interval_of_scipy(right, n):
    figure = intervals.share_figure(np.arange(n) < right, np.arange(n))
    reference = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert (figure["low"], figure["high"]) == pytest.approx((reference.low, reference.high), abs=1e-6)
    assert figure["value"] == pytest.approx(right / n, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 9)), max_size=60))
def test_many_shares_at_once_are_those_measured_one_by_one(rows):
    of, right, group_id = (np.array([row[place] for row in rows], int) for place in range(3))
    together = intervals.share_figures(of, right, group_id, 5)
    assert together == [intervals.share_figure(right[of == one], group_id[of == one]) for one in range(5)]
