import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.looks import (
    groups_needed,
    honest_bound,
    interval_percent,
    level_of_look,
    smallest_gain_seen,
)
from cdiscount_tasks.learning.measuring.paired import group_test
from tests.material.drawn_models import SKILL, draw_right, draw_split


def drawn_test(num_products=1_190, gain=0.0, seed=0):
    random = np.random.default_rng(seed)
    split = draw_split(random, num_products, 0.9)
    first, second = draw_right(random, split, [SKILL + gain, SKILL]).astype(float)
    return group_test(first - second, split.group_id)


def test_the_levels_of_all_looks_add_up_to_alpha():
    assert sum(level_of_look(look) for look in range(1, 20_000)) == pytest.approx(0.05, abs=2e-6)


def test_the_level_falls_with_the_square_of_the_look():
    assert level_of_look(1, 0.1) == pytest.approx(0.1 * 6 / np.pi**2)
    assert level_of_look(7) == pytest.approx(level_of_look(1) / 49)


@pytest.mark.parametrize(("look", "words"), [(1, "93.9 %"), (2, "98.5 %"), (3, "99.32 %"), (100, "99.99939 %")])
def test_an_interval_says_how_often_it_contains_the_truth(look, words):
    assert interval_percent(level_of_look(look)) == words


@pytest.mark.parametrize("look", [0, -1])
def test_there_is_no_look_before_the_first(look):
    with pytest.raises(ValueError, match="the first look is 1"):
        level_of_look(look)


def test_each_right_promotion_adds_alpha_to_the_bound():
    assert [honest_bound(num) for num in (0, 1, 3)] == pytest.approx([0.05, 0.1, 0.2])
    assert honest_bound(1, num_judged_alone=2) == pytest.approx(0.1 + level_of_look(1))
    assert honest_bound(100) == 1


def test_the_smallest_gain_is_that_of_the_normal_distribution():
    test = drawn_test()
    assert smallest_gain_seen(test, 0.025) == pytest.approx((1.95996 + 0.84162) * test.standard_error, rel=1e-4)


def test_a_later_look_and_fewer_products_see_larger_gains_only():
    assert smallest_gain_seen(drawn_test(), level_of_look(9)) > smallest_gain_seen(drawn_test(), level_of_look(1))
    assert smallest_gain_seen(drawn_test(5_000), 0.03) < smallest_gain_seen(drawn_test(), 0.03)


def test_so_many_groups_as_are_needed_see_the_gain():
    test = drawn_test()
    gain = smallest_gain_seen(test, 0.01)
    assert groups_needed(test, gain, 0.01) == pytest.approx(test.num_groups, abs=1)
    assert groups_needed(test, gain / 2, 0.01) == pytest.approx(4 * test.num_groups, abs=4)


def test_without_a_discordant_product_a_gain_needs_some_groups_that_are_all_won():
    test = group_test(np.zeros(400), np.arange(400))
    needed = (1.95996 + 0.84162) ** 2
    assert smallest_gain_seen(test, 0.025) == pytest.approx(needed / 400, rel=1e-4)
    assert groups_needed(test, 0.05, 0.025) == np.ceil(needed / 0.05)


@pytest.mark.parametrize("difference", [[], [1], [0, 0, 0]])
def test_too_few_groups_see_no_gain(difference):
    test = group_test(difference, np.arange(len(difference)))
    assert smallest_gain_seen(test, 0.01) is None
    assert groups_needed(test, 0.05, 0.01) > 200


@pytest.mark.parametrize("gain", [0, -0.1, np.nan])
def test_groups_for_no_gain_are_refused(gain):
    with pytest.raises(ValueError, match="expected above 0"):
        groups_needed(drawn_test(), gain, 0.01)


@pytest.mark.slow
def test_the_smallest_gain_is_seen_in_four_of_five_draws():
    level, gain = 0.01, 0.056
    draws = [drawn_test(gain=gain, seed=seed) for seed in range(400)]
    seen = np.mean([test.p_better <= level for test in draws])
    smallest = np.mean([smallest_gain_seen(test, level) for test in draws])
    assert smallest == pytest.approx(gain, abs=0.003)
    assert seen == pytest.approx(0.8, abs=0.06)
