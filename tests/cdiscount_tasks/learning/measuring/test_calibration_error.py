import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.calibration_error import calibration_error


def draw_gaps(shift, seed, n=600, num_bins=10):
    """Return right or wrong minus confidence, bins by confidence, and groups of two that are half of the time alike."""
    random = np.random.default_rng(seed)
    group_id = np.arange(n) // 2
    confidence = np.clip(random.beta(5, 1.5, n), 0.25, 1)
    luck = np.where(random.random(n) < 0.5, random.random(n)[group_id], random.random(n))
    place = np.argsort(np.argsort(confidence)) * num_bins // n
    return (luck < confidence - shift) - confidence, place, group_id


def test_the_error_as_found_is_that_of_a_plain_loop_over_bins():
    gap, place, group_id = draw_gaps(0.1, 0)
    expected = sum(abs(gap[place == one].sum()) for one in range(10)) / len(gap)
    assert calibration_error(gap, place, group_id)[0] == pytest.approx(expected)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.2])
def test_it_covers_the_truth_about_as_often_as_it_says_and_is_right_on_average(shift):
    """All bins are off by the same shift, so that the true error is the shift; of 0 none can be too low."""
    found = [calibration_error(*draw_gaps(shift, seed)) for seed in range(200)]
    covered = np.mean([low <= shift <= high for _, _, (low, high) in found])
    assert covered > 0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5
    estimates, as_found = np.mean([value for _, value, _ in found]), np.mean([error for error, _, _ in found])
    assert abs(estimates - shift) < 0.6 * (as_found - shift) + 0.002


def test_the_interval_holds_the_estimate_and_what_was_found_which_is_not_less():
    for shift in (0.0, 0.1):
        for seed in range(20):
            error, value, (low, high) = calibration_error(*draw_gaps(shift, seed))
            assert 0 <= low <= value <= error + 1e-6
            assert error <= high


def test_one_group_tells_nothing_of_chance():
    error, value, interval = calibration_error(np.array([0.3, -0.1]), np.array([0, 1]), np.array([5, 5]))
    assert (error, value) == (pytest.approx(0.2), pytest.approx(0.2))
    assert np.isnan(interval).all()


def test_bins_of_few_groups_leave_no_interval_and_keep_the_estimate():
    gap, place, group_id = draw_gaps(0.1, 0)
    _, value, interval = calibration_error(gap, place, group_id // 3)
    assert np.isnan(interval).all()
    assert value > 0
