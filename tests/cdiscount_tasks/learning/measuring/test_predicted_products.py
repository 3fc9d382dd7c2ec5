import numpy as np

from cdiscount_tasks.learning.measuring.predicted_products import NEW, STRANGER
from tests.material.predicted_products import answers_of


def test_what_the_model_learnt_from_is_its_train_split_and_new_copies_of_it():
    known = [0, 1, 2, NEW, NEW]
    answers = answers_of(known=known, copy_of_train=[True, True, True, True, False])
    assert answers.is_learnt.tolist() == [True, False, False, True, False]
    assert answers.of_kind("new").tolist() == [False, False, False, False, True]
    assert answers.of_kind("validation").tolist() == [False, True, False, False, False]
    assert answers.of_kind("test").tolist() == [False, False, True, False, False]


def test_a_stranger_is_never_answered_right():
    answers = answers_of(best=[0, 1], given_class=[0, STRANGER])
    assert answers.is_right.tolist() == [True, False]


def test_without_a_threshold_nothing_is_answered_and_the_threshold_itself_is():
    answers = answers_of(confidence=[0.7, 0.8])
    assert answers.answered_from(None).tolist() == [False, False]
    assert answers.answered_from(float(np.float32(0.8))).tolist() == [False, True]
