import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cdiscount_tasks.learning.measuring.class_drift import _total_variation, compare_classes, holm, p_of_shares


def lists_of(groups_before, groups_now):
    frame = pd.DataFrame({"groups_before": groups_before, "groups_now": groups_now})
    frame.index = pd.Index(100 + 10 * np.arange(len(frame)), name="category_id")
    doubled = frame.rename(columns=lambda name: name.replace("groups", "products")) * 2
    return frame.join(doubled).assign(name=[f"class {number}" for number in frame.index])


def compare(before, now, lists=None):
    """Compare sides of so many groups of each class; the labels hold the same."""
    category_id = 100 + 10 * np.concatenate([np.repeat(np.arange(len(side)), side) for side in (before, now)])
    is_now = np.repeat([False, True], [sum(before), sum(now)])
    found = compare_classes(category_id, is_now, lists_of(before, now) if lists is None else lists, seed=0)
    return found, {one["category_id"]: one for one in found.classes}


def test_holm_is_that_of_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])


def test_a_class_that_doubled_is_an_alarm_and_the_others_are_not():
    _, of = compare([100, 450, 450], [200, 400, 400])
    assert [of[number]["alarm"] for number in (100, 110, 120)] == [True, False, False]
    assert (of[100]["before"]["value"], of[100]["now"]["value"]) == (0.1, 0.2)
    assert (of[100]["num_products_before"], of[100]["num_products_now"]) == (200, 400)


def test_a_change_that_is_certain_and_small_is_no_alarm():
    _, of = compare([500_000, 500_000], [510_000, 490_000])
    assert of[100]["p"] < 1e-6
    assert not of[100]["alarm"]


def test_what_chance_explains_is_no_alarm():
    found, of = compare([10, 90], [14, 86])
    assert not of[100]["alarm"]
    assert found.total_variation["low"] == 0


def test_alarms_are_rare_where_nothing_changed():
    random, shares = np.random.default_rng(0), np.array([0.5, 0.2, 0.1, 0.1, 0.06, 0.04])
    num_alarms = 0
    for _ in range(100):
        sides = [random.multinomial(size, shares) for size in (700, 250)]
        found, _ = compare(*sides, lists=lists_of([50] * 6, [50] * 6))
        num_alarms += any(one["alarm"] for one in found.classes)
    assert num_alarms <= 0.05 * 100


def test_chances_are_the_mid_p_of_fishers_test():
    before, now = np.array([3, 40]), np.array([9, 30])
    law = stats.hypergeom(82, 12, 39)
    wanted = 2 * (law.sf(9) + law.pmf(9) / 2)
    assert p_of_shares(before, now) == pytest.approx([wanted, wanted])


def test_new_and_vanished_classes_are_listed_and_an_alarm_beyond_chance():
    _, of = compare([60, 40, 0, 0], [60, 0, 38, 1])
    assert [of[number]["change"] for number in (100, 110, 120, 130)] == ["common", "vanished", "new", "new"]
    assert [of[number]["alarm"] for number in (110, 120, 130)] == [True, True, False]


def test_classes_are_listed_where_nothing_can_be_compared():
    found, of = compare([], [], lists=lists_of([10, 9], [10, 0]))
    assert found.total_variation["value"] is None
    assert of[110]["change"] == "vanished"
    assert of[100]["before"]["value"] is None
    assert not of[100]["alarm"]


def test_the_least_probable_change_comes_first():
    found, _ = compare([100, 450, 450], [100, 300, 600])
    assert [one["p"] for one in found.classes] == sorted(one["p"] for one in found.classes)
    assert found.classes[0]["category_id"] in (110, 120)


@pytest.mark.parametrize("moved", [0.0, 0.1, 0.4])
def test_the_interval_of_the_total_variation_covers(moved):
    random = np.random.default_rng(3)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    others = shares + np.array([-moved, moved / 2, moved / 2, 0])
    covered = 0
    for repeat in range(500):
        figure = _total_variation(random.multinomial(300, shares), random.multinomial(200, others), repeat)
        covered += figure["low"] <= moved <= figure["high"]
    assert covered >= 0.93 * 500
