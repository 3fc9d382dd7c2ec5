import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdiscount_tasks.learning.measuring import means
from cdiscount_tasks.learning.measuring.shares import score_intervals
from tests.material.predictions import make_predictions, plain_bootstrap


def draw_losses(num_groups, seed=0, largest=1):
    """Return losses of groups that are all alike: exponential, with mean 1."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 4, num_groups)
    sizes[0] = largest
    group_id = np.repeat(np.arange(num_groups), sizes)
    return random.exponential(1, num_groups)[group_id], group_id


@pytest.mark.parametrize("largest", [3, 40])
def test_of_right_and_wrong_it_is_the_interval_of_a_share(largest):
    losses, group_id = draw_losses(150, largest=largest)
    right = losses < 1.5
    right[::7] = True
    sizes, hits = np.bincount(group_id), np.bincount(group_id, right)
    low, high = score_intervals(sizes, hits, np.zeros(len(sizes), int))
    assert means.mean_interval(right, group_id) == (pytest.approx(low[0], abs=1e-5), pytest.approx(high[0], abs=1e-5))


def test_a_symmetric_mean_of_many_groups_has_the_interval_of_a_plain_bootstrap():
    random = np.random.default_rng(0)
    group_id = np.repeat(np.arange(600), 2)
    values = random.normal(size=600)[group_id] + random.normal(size=1_200)
    low, high = plain_bootstrap(lambda rows: values[rows].mean(), group_id, seed=1)
    assert means.mean_interval(values, group_id) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_heavy_losses_reach_further_up_than_down():
    losses, group_id = draw_losses(60)
    low, high = means.mean_interval(losses, group_id)
    assert high - losses.mean() > 1.2 * (losses.mean() - low)


@pytest.mark.parametrize("largest", [1, 60])
def test_it_covers_the_truth_about_as_often_as_it_says(largest):
    """Percentiles of a bootstrap cover 88 to 91 % here."""
    covered = 0
    for seed in range(400):
        low, high = means.mean_interval(*draw_losses(300, seed, largest))
        covered += low <= 1 <= high
    assert abs(covered / 400 - 0.95) < 3 * (0.95 * 0.05 / 400) ** 0.5


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
@settings(max_examples=30, deadline=None)
def test_values_in_another_unit_move_and_stretch_it(seed, unit, shift):
    losses, group_id = draw_losses(30, seed)
    low, high = means.mean_interval(losses, group_id)
    found = means.mean_interval(unit * losses + shift, group_id)
    assert found == (
        pytest.approx(unit * low + shift, abs=1e-5 * unit),
        pytest.approx(unit * high + shift, abs=1e-5 * unit),
    )


def test_neither_the_order_of_products_nor_the_names_of_groups_matter():
    losses, group_id = draw_losses(40, largest=3)
    order = np.random.default_rng(0).permutation(len(losses))
    there = means.mean_interval(losses, group_id)
    assert means.mean_interval(losses[order], -7 * group_id[order]) == pytest.approx(there, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 5)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_it_holds_the_mean_within_the_values_or_there_is_none(rows):
    values, group_id = np.array([value for value, _ in rows]), np.array([group for _, group in rows])
    low, high = means.mean_interval(values, group_id)
    if np.isnan(low):
        assert np.isnan(high)
    else:
        assert values.min() - 1e-6 <= low <= values.mean() + 1e-9
        assert values.mean() - 1e-9 <= high <= values.max() + 1e-6


@pytest.mark.parametrize(("values", "group_id"), [([], []), ([1, 2], [0, 0]), ([3, 3, 3], [0, 1, 2]), ([1], [0])])
def test_nothing_that_varies_between_groups_has_no_interval(values, group_id):
    assert np.isnan(means.mean_interval(values, np.array(group_id, int))).all()


def test_joining_neighbouring_values_moves_no_end_far(monkeypatch):
    losses, group_id = draw_losses(3_000)
    joined = means.mean_interval(losses, group_id)
    monkeypatch.setattr(means, "_MAX_VALUES", 10**6)
    exact = means.mean_interval(losses, group_id)
    assert joined == (
        pytest.approx(exact[0], abs=1e-3 * np.ptp(exact)),
        pytest.approx(exact[1], abs=1e-3 * np.ptp(exact)),
    )


def test_answers_of_groups_that_are_all_alike_correlate_by_1_and_independent_ones_by_0():
    true, predicted, group_id = make_predictions(2_000)
    random = np.random.default_rng(0)
    assert (
        means.correlation_within_groups(random.random(2_000)[np.unique(group_id, return_inverse=True)[1]], group_id)
        == 1
    )
    assert means.correlation_within_groups(random.random(len(group_id)), group_id) < 0.05
    assert 0.3 < means.correlation_within_groups(true == predicted, group_id) < 0.99
