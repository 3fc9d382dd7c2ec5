import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.class_changes import class_changes, holm
from cdiscount_tasks.learning.measuring.paired import group_test


def two_models(lost_class=None, num_classes=4, of_class=60, seed=0):
    """Return classes, what challenger and champion have right, and groups of two; one class may be lost."""
    random = np.random.default_rng(seed)
    class_id = np.repeat(np.arange(num_classes) * 10, of_class)
    champion = random.random(len(class_id)) < 0.8
    challenger = np.where(random.random(len(class_id)) < 0.05, ~champion, champion)
    if lost_class is not None:
        challenger &= class_id != lost_class
    return class_id, challenger, champion, np.arange(len(class_id)) // 2


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # as R's p.adjust
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_multiplies_by_what_is_left_to_test(p, adjusted):
    assert holm(p) == pytest.approx(adjusted)


def test_holm_does_not_depend_on_the_order():
    p = np.random.default_rng(0).random(50) ** 4
    order = np.random.default_rng(1).permutation(50)
    assert np.array_equal(holm(p)[order], holm(p[order]))


@pytest.mark.parametrize("p", [[0.1, np.nan], [-0.1], [1.1]])
def test_holm_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="missing or not in 0 to 1"):
        holm(p)


def test_the_class_that_was_lost_has_fallen_and_no_other():
    changes = class_changes(*two_models(lost_class=20))
    assert [change.class_id for change in changes if change.fallen] == [20]
    assert not any(change.risen for change in changes)


def test_exchanged_models_turn_falls_into_rises():
    class_id, challenger, champion, group_id = two_models(lost_class=20)
    changes = class_changes(class_id, champion, challenger, group_id)
    assert [change.class_id for change in changes if change.risen] == [20]
    assert not any(change.fallen for change in changes)


def test_each_class_is_tested_by_its_products_alone():
    class_id, challenger, champion, group_id = two_models()
    changes = class_changes(class_id, challenger, champion, group_id)
    own = class_id == 10
    alone = group_test(challenger[own].astype(float) - champion[own], group_id[own], 10_000)
    assert changes[1].test == alone
    assert changes[1].champion_accuracy == champion[own].mean()
    assert sum(change.test.num_products for change in changes) == len(class_id)


def test_the_order_of_products_changes_nothing():
    rows = two_models(lost_class=20)
    order = np.random.default_rng(3).permutation(len(rows[0]))
    mixed = class_changes(*(column[order] for column in rows))
    for one, other in zip(mixed, class_changes(*rows), strict=True):
        assert one[:1] + one[5:] == other[:1] + other[5:]
        assert one[2:5] == pytest.approx(other[2:5])


def test_a_class_that_is_nearly_lost_has_no_p_that_its_groups_cannot_give():
    """53 of 60 groups are lost: all exchanges say 2^-53, the normal distribution 2e-99."""
    lost = np.arange(60) < 53
    (change,) = class_changes(np.zeros(60), ~lost, np.ones(60, bool), np.arange(60))
    assert (change.test.method, change.test.num_discordant_groups) == ("sign_flip", 53)
    assert change.p_worse == pytest.approx(2.0**-53) and change.fallen


def test_many_classes_are_adjusted_for():
    lost = np.arange(7)  # p = 2^-7 = 0.008, alone significant
    rows = two_models(num_classes=30)
    champion, challenger = np.ones(len(rows[0]), bool), np.ones(len(rows[0]), bool)
    challenger[2 * lost] = False
    alone = slice(0, 60)
    assert class_changes(rows[0][alone], challenger[alone], champion[alone], rows[3][alone])[0].fallen
    assert not class_changes(rows[0], challenger, champion, rows[3])[0].fallen


@pytest.mark.parametrize(("of_class", "seen"), [(2, False), (8, False), (200, True)])
def test_a_class_of_few_groups_could_not_be_seen_to_fall(of_class, seen):
    assert {change.could_be_seen for change in class_changes(*two_models(of_class=of_class))} == {seen}


def test_a_class_that_the_champion_never_has_right_cannot_fall():
    class_id, challenger, champion, group_id = two_models()
    changes = class_changes(class_id, challenger, champion & (class_id != 0), group_id)
    assert [change.could_be_seen for change in changes] == [False, True, True, True]


def test_no_product_has_no_class():
    assert class_changes([], [], [], []) == ()
