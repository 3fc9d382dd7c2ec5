import numpy as np

from cdiscount_tasks.learning.measuring.answer_drift import Answered, compare_answers
from cdiscount_tasks.learning.measuring.drift import PROPERTIES_COMPARED
from cdiscount_tasks.learning.measuring.predicted_drift import (
    NO_NEW_PRODUCT,
    NOTHING_LEARNT,
    Compared,
    Looked,
    choose_compared,
    measure_file_drift,
    nothing_looked_at,
    why_nothing,
)

NO_ANSWERS = compare_answers(Answered(*(np.zeros(0, kind) for kind in (bool, int, float))), {})


def flags(*values):
    return np.array(values, bool)


def test_of_each_group_one_product_speaks():
    compared = choose_compared(
        np.array([1, 1, 2]), flags(1, 1, 1), flags(0, 0, 0), np.array([2, 3, 3]), flags(1, 1, 1), 0
    )
    assert len(compared.row) == 3


def test_groups_of_the_split_that_is_left_out_are_on_no_side():
    before, now = np.array([1, 2]), np.array([1, 2, 3])
    compared = choose_compared(before, flags(0, 1), flags(1, 0), now, flags(1, 1, 1), 0)
    sides = [now[row] if is_now else before[row] for is_now, row in zip(*compared, strict=True)]
    assert sorted(sides) == [2, 3]


def test_known_products_of_the_file_are_on_no_side():
    compared = choose_compared(np.array([1]), flags(1), flags(0), np.array([2, 3]), flags(0, 0), 0)
    assert compared.is_now.tolist() == [False]
    assert why_nothing(compared) == NO_NEW_PRODUCT


def test_without_a_side_of_the_labels_nothing_is_compared():
    compared = choose_compared(np.array([1]), flags(0), flags(1), np.array([2]), flags(1), 0)
    assert why_nothing(compared) == NOTHING_LEARNT


def looked(num, darker):
    random = np.random.default_rng(0)
    properties = random.normal(100, 10, (2 * num, len(PROPERTIES_COMPARED)))
    properties[num:, 0] -= darker
    return Looked(np.arange(2 * num), properties, properties.astype(np.float32))


def compared_of(num):
    return Compared(np.repeat([False, True], num), np.tile(np.arange(num), 2))


def answers_of(before, now):
    """Return how answers differ that are all of one class on each side, equally sure."""
    said = Answered(np.repeat([False, True], 200), np.repeat([before, now], 200), np.full(400, 0.5))
    return compare_answers(said, {10: "RED", 20: "BLUE"})


def test_darker_pictures_are_an_alarm_beside_those_of_the_answers():
    drift, shown = measure_file_drift(compared_of(200), looked(200, 20), answers_of(10, 20), {"num_new_products": 9}, 0)
    assert any("darker" in sentence for sentence in drift["alarms"])
    assert "RED 100.0 % -> 0.0 %" in drift["alarms"][-1]
    assert drift["counts"] == {
        "num_new_products": 9, "num_groups_before": 200, "num_groups_now": 200, "num_pictures_before": 200,
        "num_pictures_now": 200,
    }  # fmt: skip
    assert {side for side, _, _ in shown} == {"before", "now"}


def test_the_categories_of_the_file_are_in_no_test():
    drift, _ = measure_file_drift(compared_of(200), looked(200, 20), answers_of(10, 20), {}, 0)
    assert drift.keys() == {"reason", "alarms", "counts", "properties", "told_apart", "answers"}


def test_pictures_and_answers_of_one_kind_are_no_alarm():
    drift, _ = measure_file_drift(compared_of(200), looked(200, 0), answers_of(10, 10), {}, 0)
    assert drift["alarms"] == [] and drift["reason"] is None


def test_where_nothing_can_be_compared_the_reason_is_told():
    compared = Compared(np.zeros(3, bool), np.arange(3))
    drift, shown = measure_file_drift(compared, nothing_looked_at(1), NO_ANSWERS, {}, 0)
    assert (drift["reason"], drift["alarms"], shown) == (NO_NEW_PRODUCT, [], [])
    assert drift["counts"]["num_groups_before"] == 0
