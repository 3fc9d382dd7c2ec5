import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.intervals import difference_of_accuracies, mean_figure
from cdiscount_tasks.learning.measuring.paired import paired_difference
from tests.material.predictions import make_predictions, plain_bootstrap


def two_models(seed=0):
    """Return what two models get right of the same products, and the groups: the second errs where the first does."""
    true, predicted, group_id = make_predictions(seed=seed)
    first = true == predicted
    return first, first & (np.random.default_rng(seed).random(len(first)) < 0.95), group_id


def test_the_difference_is_that_of_the_two_accuracies():
    first, second, group_id = two_models()
    figure = paired_difference(first, second, group_id)
    assert figure["value"] == pytest.approx(first.mean() - second.mean(), abs=1e-6)
    assert (figure["n"], figure["num_groups"]) == (len(first), 200)


def test_its_interval_agrees_with_a_plain_bootstrap_over_groups():
    first, second, group_id = two_models()
    figure = paired_difference(first, second, group_id)
    low, high = plain_bootstrap(lambda rows: first[rows].mean() - second[rows].mean(), group_id, seed=1)
    assert (figure["low"], figure["high"]) == pytest.approx((low, high), abs=0.006)


def test_two_answers_to_the_same_products_are_told_apart_better_than_two_samples():
    first, second, group_id = two_models()
    paired = paired_difference(first, second, group_id)
    apart = difference_of_accuracies(first, group_id, second, group_id)
    assert paired["high"] - paired["low"] < 0.5 * (apart["high"] - apart["low"])


def test_turned_round_it_is_the_same_with_the_other_sign():
    first, second, group_id = two_models()
    there, back = paired_difference(first, second, group_id), paired_difference(second, first, group_id)
    assert there["value"] == -back["value"]
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]), abs=0.003)


def test_the_same_answers_have_no_interval():
    first, _, group_id = two_models()
    figure = paired_difference(first, first, group_id)
    assert (figure["value"], figure["low"], figure["high"]) == (0.0, None, None)


def test_against_nothing_right_it_is_the_mean():
    first, _, group_id = two_models()
    assert paired_difference(first, np.zeros(len(first)), group_id) == mean_figure(first, group_id, is_share=False)
