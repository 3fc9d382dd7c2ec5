from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cdiscount_tasks.learning.measuring import intervals, shares
from cdiscount_tasks.pages.report.coverage import GOAL, measured
from tests.conftest import TEST_SCALE
from tests.material import drawn_test_sets
from tests.material.drawn_test_sets import Cell


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


GROUPED = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


@settings(max_examples=50, deadline=None)
@given(GROUPED)
def test_the_design_effect_agrees_with_a_plain_analysis_of_variance(rows):
    right, group_id = (np.array(column) for column in zip(*rows, strict=True))
    groups, sizes = np.unique(group_id, return_counts=True)
    hits = [right[group_id == group].sum() for group in groups]
    found = drawn_test_sets.design_effects(sizes, hits, np.zeros(len(groups), int))
    assert found == pytest.approx([plain_design_effect(right, group_id)], rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(GROUPED)
def test_no_interval_of_a_share_is_narrower_than_that_of_independent_products(rows):
    right, group_id = (np.array(column) for column in zip(*rows, strict=True))
    grouped, independent = intervals.share_figure(right, group_id), intervals.share_figure(right, np.arange(len(right)))
    assert grouped["low"] <= independent["low"] + 1e-6
    assert grouped["high"] >= independent["high"] - 1e-6
    assert grouped["low"] <= grouped["value"] <= grouped["high"]


@settings(max_examples=50, deadline=None)
@given(GROUPED, st.randoms())
def test_the_order_of_products_and_the_names_of_groups_change_no_interval(rows, random):
    right, group_id = (np.array(column) for column in zip(*rows, strict=True))
    order, names = random.sample(range(len(rows)), len(rows)), np.array(random.sample(range(100), 13))
    assert intervals.share_figure(right[order], names[group_id[order]]) == intervals.share_figure(right, group_id)


def test_groups_whose_products_are_all_alike_count_as_one_product_each():
    right = np.repeat(np.arange(50) < 40, 4)
    figure = intervals.share_figure(right, np.repeat(np.arange(50), 4))
    reference = stats.binomtest(40, 50).proportion_ci(method="wilson")
    assert (figure["low"], figure["high"]) == pytest.approx((reference.low, reference.high), abs=2e-4)
    assert (figure["n"], figure["num_groups"]) == (200, 50)


@pytest.mark.parametrize("large", [1, 160])
@pytest.mark.parametrize("is_large_right", [False, True])
def test_at_the_ends_of_the_interval_what_was_found_is_as_rare_as_in_many_plain_draws(large, is_large_right):
    """400 groups of three, most of them all right or all wrong, and one more of `large` products."""
    random = np.random.default_rng(4)
    sizes, hits = np.append(np.full(400, 3), large), np.append(random.choice(4, 400, p=[0.14, 0.02, 0.04, 0.8]), 0)
    hits[-1] = large * is_large_right
    (low,), (high,) = shares.score_intervals(sizes, hits, np.zeros(401, int))
    of_others = np.repeat(np.arange(400), 3)
    effect = plain_design_effect(np.concatenate([np.arange(3) < hit for hit in hits[:-1]]), of_others)
    correlation = (effect - 1) / 2

    def drawn(share, num=10_000):
        alike = random.random((num, 401)) < correlation
        together, each = sizes * (random.random((num, 401)) < share), random.binomial(sizes, share, (num, 401))
        return np.where(alike, together, each).sum(axis=1)

    # Right answers are whole numbers: half of the draws that are equal count as rarer.
    def share_of(beyond, equal):
        return beyond.mean() + equal.mean() / 2

    at_low, at_high = drawn(low), drawn(high)
    assert share_of(at_low > hits.sum(), at_low == hits.sum()) == pytest.approx(0.025, abs=0.008)
    assert share_of(at_high < hits.sum(), at_high == hits.sum()) == pytest.approx(0.025, abs=0.008)


@pytest.mark.parametrize("right", [0, 1])
def test_a_share_of_none_or_all_ends_at_0_or_1(right):
    (low,), (high,) = shares.score_intervals([40, 5, 1, 1], np.array([40, 5, 1, 1]) * right, np.zeros(4, int))
    assert (low if right == 0 else high) == right
    assert 0.3 < high - low < 0.9


def test_one_wrong_group_of_a_tenth_does_not_cut_off_the_truth():
    """900 single products of which 810 are right, and 100 copies of one picture, all wrong."""
    sizes, hits = np.append(np.ones(900), 100), np.append(np.arange(900) < 810, 0)
    (low,), (high,) = shares.score_intervals(sizes, hits, np.zeros(901, int))
    assert low < 0.81
    assert high > 0.90


def coverage(cell, repeats, method=drawn_test_sets.SCORE):
    low, high = drawn_test_sets.METHODS[method](drawn_test_sets.draw_test_sets(cell, repeats))
    return np.mean((low <= cell.accuracy) & (cell.accuracy <= high))


@pytest.mark.parametrize("has_large_group", [False, True])
@pytest.mark.parametrize("correlation", drawn_test_sets.CORRELATIONS)
@pytest.mark.parametrize("accuracy", [0.75, 0.90])
def test_in_a_simulation_of_300_groups_the_interval_covers_the_truth_in_93_to_97_of_100(
    accuracy, correlation, has_large_group
):
    """The bounds give way by what 400 repeats leave open: three standard errors of a true coverage at the bound."""
    repeats = 400
    covered = coverage(Cell(300, accuracy, correlation, has_large_group), repeats)
    below, above = (3 * np.sqrt(bound * (1 - bound) / repeats) for bound in GOAL)
    assert GOAL[0] - below <= covered <= GOAL[1] + above


@pytest.mark.parametrize("num_groups", drawn_test_sets.NUMS_GROUPS if TEST_SCALE > 1 else [40, 100])
def test_the_coverage_that_the_page_tells_is_found_again(num_groups):
    for held in measured()["accuracy"]["cells"]:
        if held["num_groups"] == num_groups:
            same = [cell for cell in drawn_test_sets.cells() if cell[:2] == (num_groups, held["accuracy"])]
            covered = [coverage(cell, 1_000) for cell in same]
            assert (min(covered), max(covered)) == pytest.approx((held["least"], held["most"]), abs=0.012)


@pytest.mark.parametrize("method", ["Wilson by single products", drawn_test_sets.SINGLE_IMAGES])
def test_intervals_by_single_products_or_images_cover_far_less_where_groups_are_alike(method):
    assert coverage(Cell(300, 0.9, 0.9, False), 400, method) < 0.85


def test_simulated_test_sets_have_as_many_copies_and_images_as_the_catalogue():
    sets = drawn_test_sets.draw_test_sets(Cell(300, 0.9, 0.9, False), 300)
    assert 1 - sets.sizes.size / sets.sizes.sum() == pytest.approx(0.37, abs=0.005)
    assert sets.num_images.sum() / sets.sizes.sum() == pytest.approx(12_371_293 / 7_069_896, abs=0.01)
    assert sets.hits.sum() / sets.sizes.sum() == pytest.approx(0.9, abs=0.005)
    large = drawn_test_sets.draw_test_sets(Cell(300, 0.9, 0.9, True), 20)
    assert large.sizes[:, 0] / large.sizes.sum(axis=1) == pytest.approx(0.1, abs=0.002)
