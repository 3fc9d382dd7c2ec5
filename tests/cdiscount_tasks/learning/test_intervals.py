from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score

from cdiscount_tasks.learning import intervals
from tests.cdiscount_tasks.predictions import make_predictions, plain_bootstrap


def plain_design_effect(right, group_id):
    """Return 1 + (size - 1) * correlation, step by step: the one-way analysis of variance of right and wrong."""
    groups = defaultdict(list)
    for value, group in zip(right, group_id, strict=True):
        groups[group].append(float(value))
    n, num_groups, share = len(right), len(groups), sum(map(float, right)) / len(right)
    size = sum(len(members) ** 2 for members in groups.values()) / n
    if share in (0, 1) or num_groups == 1:
        return size
    if n == num_groups:
        return 1.0
    between = within = 0.0
    for members in groups.values():
        mean = sum(members) / len(members)
        between += len(members) * (mean - share) ** 2
        within += sum((value - mean) ** 2 for value in members)
    between, within = between / (num_groups - 1), within / (n - num_groups)
    usual_size = (n - size) / (num_groups - 1)
    correlation = (between - within) / (between + (usual_size - 1) * within)
    return 1 + (size - 1) * min(max(correlation, 0.0), 1.0)


def draw_grouped(random, num_groups, accuracy, correlation):
    """Draw right answers of groups: all members of a group alike with the probability `correlation`, else each anew."""
    sizes = random.choice([1, 1, 1, 2, 3, 6], num_groups)
    group_id = np.repeat(np.arange(num_groups), sizes)
    alike = (random.random(num_groups) < correlation)[group_id]
    return np.where(
        alike, (random.random(num_groups) < accuracy)[group_id], random.random(len(group_id)) < accuracy
    ), group_id


GROUPED = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


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


def test_the_difference_of_two_accuracies_resamples_each_sample_by_itself():
    random = np.random.default_rng(0)
    a, b = random.random(400) < 0.9, random.random(400) < 0.7
    figure = intervals.difference_of_accuracies(a, np.arange(400), b, np.arange(400))
    spread = 1.96 * np.sqrt(a.mean() * (1 - a.mean()) / 400 + b.mean() * (1 - b.mean()) / 400)
    assert figure["value"] == pytest.approx(a.mean() - b.mean(), abs=1e-6)
    assert figure["high"] - figure["low"] == pytest.approx(2 * spread, rel=0.1)
    assert figure["num_groups"] == 800


def test_a_million_groups_cost_little():
    correct = np.random.default_rng(0).random(1_000_000) < 0.8
    figure = intervals.mean_figure(correct, np.arange(1_000_000))
    assert figure["high"] - figure["low"] == pytest.approx(2 * 1.96 * 0.4 / 1000, rel=0.1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_takes_the_wilson_interval_on_as_many_products_as_there_are_groups(share):
    group_id = np.repeat(np.arange(40), 3)
    figure = intervals.mean_figure(np.full(120, share), group_id)
    low, high = intervals.wilson_interval(share, 40)
    assert (figure["low"], figure["high"]) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert high - low == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-3)


def test_where_resampling_cannot_tell_one_large_group_weighs_more_than_its_number():
    """100 products in 51 groups, of which one has 50: they tell less than 51 products would."""
    group_id = np.append(np.zeros(50, int), np.arange(1, 51))
    figure = intervals.mean_figure(np.ones(100), group_id)
    low, _ = intervals.wilson_interval(1.0, 100**2 / (50**2 + 50))
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


@settings(max_examples=50, deadline=None)
@given(GROUPED)
def test_the_design_effect_agrees_with_a_plain_analysis_of_variance(rows):
    right, group_id = (np.array(column) for column in zip(*rows, strict=True))
    groups, sizes = np.unique(group_id, return_counts=True)
    hits = [right[group_id == group].sum() for group in groups]
    found = intervals.design_effects(sizes, hits, np.zeros(len(groups), int))
    assert found == pytest.approx([plain_design_effect(right, group_id)], rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(GROUPED)
def test_no_interval_of_a_share_is_narrower_than_that_of_independent_products(rows):
    right, group_id = (np.array(column) for column in zip(*rows, strict=True))
    grouped, independent = intervals.share_figure(right, group_id), intervals.share_figure(right, np.arange(len(right)))
    assert grouped["low"] <= independent["low"] + 1e-6
    assert grouped["high"] >= independent["high"] - 1e-6
    assert grouped["low"] <= grouped["value"] <= grouped["high"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 9)), max_size=60))
def test_many_shares_at_once_are_those_measured_one_by_one(rows):
    of, right, group_id = (np.array([row[place] for row in rows], int) for place in range(3))
    together = intervals.share_figures(of, right, group_id, 5)
    assert together == [intervals.share_figure(right[of == one], group_id[of == one]) for one in range(5)]


def test_groups_whose_products_are_all_alike_count_as_one_product_each():
    right = np.repeat(np.arange(50) < 40, 4)
    figure = intervals.share_figure(right, np.repeat(np.arange(50), 4))
    reference = stats.binomtest(40, 50).proportion_ci(method="wilson")
    assert (figure["low"], figure["high"]) == pytest.approx((reference.low, reference.high), abs=1e-6)
    assert (figure["n"], figure["num_groups"]) == (200, 50)


@pytest.mark.parametrize("accuracy", [0.75, 0.97])
@pytest.mark.parametrize("num_groups", [20, 100])
def test_in_a_simulation_the_interval_of_a_share_covers_the_truth_as_often_as_it_says(num_groups, accuracy):
    random, repeats = np.random.default_rng(0), 1_000
    drawn = [draw_grouped(random, num_groups, accuracy, correlation=0.9) for _ in range(repeats)]
    of = np.repeat(np.arange(repeats), [len(right) for right, _ in drawn])
    right, group_id = (np.concatenate(column) for column in zip(*drawn, strict=True))

    def coverage(groups):
        figures = intervals.share_figures(of, right, groups, repeats)
        return np.mean([figure["low"] <= accuracy <= figure["high"] for figure in figures])

    assert coverage(group_id) > 0.9
    assert coverage(np.arange(len(right))) < coverage(group_id) - 0.03
