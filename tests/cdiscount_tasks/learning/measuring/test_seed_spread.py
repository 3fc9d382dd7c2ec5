import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.intervals import share_figure
from cdiscount_tasks.learning.measuring.seed_spread import measure_spread


def drawn(num_seeds=5, sd_of_seeds=0.0, num=400, seed=0):
    """Return what simulated trainings judge right, bool, [num, num_seeds]: products differ, and so do seeds."""
    random = np.random.default_rng(seed)
    products, seeds = random.normal(1.2, 1.5, (num, 1)), random.normal(0, sd_of_seeds, (1, num_seeds))
    return products + seeds + random.normal(0, 0.5, (num, num_seeds)) > 0


def width(figure):
    return figure["high"] - figure["low"]


def test_mean_deviation_and_ends_are_those_of_the_seeds():
    right = drawn()
    accuracies = right.mean(axis=0)
    found = measure_spread(right, np.arange(400))
    assert found["mean"]["value"] == pytest.approx(accuracies.mean(), abs=1e-6)
    assert found["deviation"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-6)
    ends = accuracies.min(), accuracies.max(), accuracies[0]
    assert (found["lowest"], found["highest"], found["model"]) == pytest.approx(ends, abs=1e-6)
    assert (found["mean"]["n"], found["mean"]["num_groups"]) == (400, 400)


def test_it_counts_the_seeds_that_are_above_the_model_and_those_that_are_equal():
    right = np.zeros((10, 4), bool)
    right[:6, 0] = right[:6, 1] = right[:8, 2] = right[:2, 3] = True
    found = measure_spread(right, np.arange(10))
    assert (found["num_higher"], found["num_equal"]) == (1, 1)


def test_the_interval_counts_the_seeds_too():
    """Of seeds that differ, the mean is less sure than that of as many products under seeds that are all alike."""
    alike, unlike = (measure_spread(drawn(sd_of_seeds=sd), np.arange(400))["mean"] for sd in (0.0, 0.8))
    assert width(unlike) > 1.5 * width(alike)


def test_with_seeds_that_are_all_the_same_the_interval_is_that_of_the_products():
    right = np.repeat(drawn(num_seeds=1), 5, axis=1)
    found, one = measure_spread(right, np.arange(400)), share_figure(right[:, 0], np.arange(400))
    assert (found["mean"]["low"], found["mean"]["high"]) == pytest.approx((one["low"], one["high"]), abs=0.005)
    assert (found["deviation"], found["num_equal"]) == (0.0, 4)


def test_products_of_a_group_are_drawn_together():
    right = np.repeat(drawn(num=100), 4, axis=0)
    alone, tied = (measure_spread(right, groups)["mean"] for groups in (np.arange(400), np.repeat(np.arange(100), 4)))
    assert width(tied) > 1.5 * width(alone)


def test_two_seeds_have_a_deviation_and_no_interval():
    found = measure_spread(drawn(num_seeds=2), np.arange(400))
    assert found["deviation"] > 0
    assert (found["mean"]["low"], found["mean"]["high"]) == (None, None)


def test_where_every_draw_is_the_same_the_interval_is_wilsons():
    found = measure_spread(np.ones((30, 3), bool), np.arange(30))["mean"]
    assert (found["value"], found["high"]) == (1.0, 1.0)
    assert found["low"] == pytest.approx(0.8865, abs=1e-4)


def test_the_same_rights_give_the_same_figures():
    assert measure_spread(drawn(), np.arange(400)) == measure_spread(drawn(), np.arange(400))
