import numpy as np
import pytest
from sklearn.metrics import f1_score

from cdiscount_tasks.learning.measuring.f1_intervals import mean_f1_intervals
from tests.material.predictions import make_predictions, plain_bootstrap


@pytest.mark.parametrize(("place", "average"), [(0, "macro"), (1, "weighted")])
def test_it_is_about_as_wide_as_that_of_a_plain_bootstrap_and_holds_what_was_found(place, average):
    true, predicted, group_id = make_predictions(num_groups=300)
    low, high = mean_f1_intervals(true, predicted, group_id, 4)[place]
    expected = plain_bootstrap(lambda rows: f1_score(true[rows], predicted[rows], average=average), group_id, 2, 500)
    assert (low, high) == (pytest.approx(expected[0], abs=0.012), pytest.approx(expected[1], abs=0.012))
    assert low < f1_score(true, predicted, average=average) < high


def test_it_covers_the_macro_f1_of_the_population_about_as_often_as_it_says():
    truth = f1_score(*make_predictions(num_groups=60_000, seed=10**6)[:2], average="macro")
    ends = [mean_f1_intervals(*make_predictions(num_groups=300, seed=seed), 4)[0] for seed in range(300)]
    covered = np.mean([low <= truth <= high for low, high in ends])
    assert abs(covered - 0.95) < 3 * (0.95 * 0.05 / 300) ** 0.5


def test_a_class_of_two_groups_leaves_no_interval_and_one_of_three_does():
    true, predicted, group_id = make_predictions()
    few, enough = (np.append(true, [4] * count) for count in (2, 3))
    for more, has in ((few, False), (enough, True)):
        new = len(more) - len(true)
        ends = mean_f1_intervals(more, np.append(predicted, [4] * new), np.append(group_id, 10**6 + np.arange(new)), 5)
        assert np.isfinite(ends).all() == has


def test_a_class_that_is_answered_and_never_true_leaves_no_interval():
    true, predicted, group_id = make_predictions()
    predicted[0] = 4
    assert np.isnan(mean_f1_intervals(true, predicted, group_id, 5)).all()


def test_a_class_that_never_occurs_changes_nothing():
    drawn = make_predictions()
    assert mean_f1_intervals(*drawn, 9) == mean_f1_intervals(*drawn, 4)


def test_a_group_that_weighs_more_than_all_others_together_leaves_no_interval():
    true, predicted, group_id = make_predictions()
    one_group = np.where(np.arange(len(true)) < 60, -1, group_id)
    assert np.isnan(mean_f1_intervals(true, predicted, one_group, 4)).all()


def test_answers_that_are_all_right_leave_no_interval():
    true, _, group_id = make_predictions()
    assert np.isnan(mean_f1_intervals(true, true, group_id, 4)).all()
