import numpy as np

from cdiscount_tasks.pages.predictions.choices import MOST_CLASSES, MOST_OF_A_KIND, choose_shown
from tests.material.predicted_products import answers_of


def test_the_surest_the_least_sure_and_random_ones_have_no_product_in_common():
    confidence = np.linspace(0.2, 1, 100)
    (shown,) = choose_shown(answers_of(confidence=confidence))
    assert shown.surest == list(range(99, 91, -1))
    assert shown.least_sure == list(range(8))
    assert len(set(shown.rows)) == 3 * MOST_OF_A_KIND
    assert shown.num == 100


def test_of_a_group_one_product_is_shown():
    (shown,) = choose_shown(answers_of(group_id=np.arange(40) // 20))
    assert len(shown.rows) == 2


def test_of_few_products_none_is_shown_twice():
    (shown,) = choose_shown(answers_of(confidence=[0.4, 0.9, 0.6]))
    assert (shown.surest, shown.random, shown.least_sure) == ([1, 2, 0], [], [])


def test_of_many_classes_the_most_frequent_are_shown_with_fewer_products_each():
    best = np.repeat(np.arange(40), np.arange(40, 0, -1))
    shown = choose_shown(answers_of(best=best))
    assert [one.class_index for one in shown] == list(range(MOST_CLASSES))
    assert all(len(one.surest) <= 2 for one in shown)


def test_the_random_ones_are_the_same_each_time():
    answers = answers_of(confidence=np.linspace(0.2, 1, 100))
    assert choose_shown(answers, seed=3) == choose_shown(answers, seed=3)
    assert choose_shown(answers, seed=3) != choose_shown(answers, seed=4)


def test_without_a_product_nothing_is_shown():
    assert choose_shown(answers_of(best=np.zeros(0))) == []
