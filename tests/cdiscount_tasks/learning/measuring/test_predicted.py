import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.learning.measuring.intervals import share_figure
from cdiscount_tasks.learning.measuring.predicted import (
    count_answers,
    count_known,
    measure_classes,
    measure_expected,
    measure_promises,
    measure_strangers,
    measure_truth,
    used_promise,
)
from cdiscount_tasks.learning.measuring.predicted_products import NEW, STRANGER, HeldOut
from tests.material.predicted_products import answers_of

CLASSES = pd.DataFrame({"category_id": [10, 20], "level3": ["RED", "BLUE"], "num_products_train": [30, 10]})
TESTED = HeldOut(np.arange(4), np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([True, True, False, True]))


def threshold(target, least, note=None):
    return {
        "target_precision": target, "threshold": least, "note": note, "num_answered": 1, "precision": 1.0,
        "coverage": 0.5,
    }  # fmt: skip


def calibration(*thresholds):
    return {"temperature": 1.0, "temperature_note": None, "num_validation_products": 50, "thresholds": thresholds}


def mixed():
    """Return 100 new products, 40 of the test split, 60 learnt ones (all right) and 50 strangers."""
    known = np.repeat([NEW, 2, 0, NEW], [100, 40, 60, 50])
    given_class = np.repeat([0, 1, 0, STRANGER], [100, 40, 60, 50])
    best = given_class.copy()
    best[:20] = 1
    best[100:110] = 0
    best[200:] = 0
    given = np.where(given_class == STRANGER, 900 + np.arange(250) % 2, 10 * (given_class + 1))
    confidence = np.where(np.arange(250) % 2 == 0, 0.95, 0.55)
    return answers_of(known=known, given_class=given_class, best=best, given=given, confidence=confidence)


def test_products_and_images_are_counted():
    answers = answers_of(abstained=[True, False], num_images=[2, 1], num_damaged=[1, 0], given_class=[0, -2])
    assert count_answers(answers) == {
        "num_predicted": 2, "num_answered": 1, "num_abstained": 1, "num_images": 3,
        "num_damaged_images_of_predicted": 1,
        "num_products_with_damage": 1, "num_with_truth": 1,
    }  # fmt: skip


def test_classes_are_put_beside_the_training():
    answers = answers_of(best=[0, 0, 0, 1], abstained=[True, False, False, False], given_class=[0, 0, 1, STRANGER])
    red, blue = measure_classes(answers, CLASSES)
    assert (red["share_train"], red["share_best"], red["num_answered"], red["num_given"]) == (0.75, 0.75, 2, 2)
    assert (blue["share_train"], blue["share_best"], blue["num_best"]) == (0.25, 0.25, 1)
    assert red["mean_confidence"] == pytest.approx(0.9)


def test_a_class_without_an_answer_has_no_confidence():
    assert measure_classes(answers_of(best=[0]), CLASSES)[1]["mean_confidence"] is None


def test_known_products_and_copies_are_counted_apart():
    answers = answers_of(known=[0, 0, 1, 2, NEW, NEW], copy_of_train=[True, True, False, False, True, False])
    assert count_known(answers) == {
        "train": 2, "validation": 1, "test": 1, "new": 2, "copies_of_train": 3, "new_copies_of_train": 1, "learnt": 3,
    }  # fmt: skip


def test_what_was_learnt_is_in_no_accuracy():
    truth = measure_truth(mixed(), 2)
    assert {kind: figure["n"] for kind, figure in truth["accuracy"].items()} == {
        "new": 100, "test": 40, "validation": 0,
    }  # fmt: skip
    assert truth["accuracy"]["new"]["value"] == 0.8
    assert truth["accuracy"]["test"] == share_figure(np.arange(40) >= 10, np.arange(40))
    assert truth["accuracy"]["validation"]["value"] is None
    assert (truth["num_of_classes"], truth["num_learnt"], truth["headline"]) == (200, 60, "new")


def test_few_new_products_are_no_headline_where_test_has_more():
    known, given = np.repeat([NEW, 2], [5, 100]), np.zeros(105)
    assert measure_truth(answers_of(known=known, given_class=given), 2)["headline"] == "test"
    assert measure_truth(answers_of(known=known[:5], given_class=given[:5]), 2)["headline"] == "new"


def test_a_file_of_learnt_products_alone_has_no_headline():
    truth = measure_truth(answers_of(known=[0, 0], given_class=[0, 1]), 2)
    assert truth["headline"] is None and truth["confusion"] is None


def test_a_file_without_categories_has_no_truth():
    assert measure_truth(answers_of(known=[NEW, 2]), 2) is None


def test_the_confusion_is_that_of_the_headline():
    assert measure_truth(mixed(), 2)["confusion"]["matrix"] == [[80, 20], [0, 0]]


def test_a_promise_is_measured_by_kind_and_with_strangers():
    strict, loose = measure_promises(mixed(), calibration(threshold(0.99, 0.9), threshold(0.95, 0.5)), TESTED)
    assert (strict["num_answered"], strict["share_answered"]) == (125, 0.5)
    assert strict["precision"]["new"]["n"] == 50 and strict["precision"]["new"]["value"] == 0.8
    assert strict["strangers_answered"]["value"] == 0.5 and strict["strangers_answered"]["n"] == 50
    # 40 of 50 new, 15 of 20 of test, 0 of 25 strangers; the learnt ones are left out.
    assert strict["precision_of_all"]["value"] == pytest.approx(55 / 95, abs=1e-6)
    assert strict["on_test"]["coverage"]["value"] == 0.25
    assert loose["strangers_answered"]["value"] == 1.0
    assert loose["on_test"]["precision"]["value"] == 0.75


def test_without_a_threshold_a_promise_answers_nothing_and_says_why():
    (one,) = measure_promises(mixed(), calibration(threshold(0.99, None, "too few")), TESTED)
    assert (one["num_answered"], one["note"], one["precision"]["new"]["value"]) == (0, "too few", None)
    assert one["on_test"]["coverage"]["value"] is None
    assert one["strangers_answered"]["value"] is None


def test_the_strange_categories_that_are_answered_most_come_first():
    given = np.repeat([700, 800, 900], [4, 3, 1])
    answers = answers_of(
        given=given, given_class=np.full(8, STRANGER), best=[0, 0, 1, 1, 1, 1, 1, 0],
        abstained=[True, True, True, False, False, False, False, True],
    )  # fmt: skip
    found = measure_strangers(answers)
    assert found["num_new"] == found["num_products"]
    known = answers._replace(known=np.zeros(len(answers.best), np.int8))
    assert measure_strangers(known)["num_new"] == 0
    assert (found["num_products"], found["num_categories"], found["num_answered"]) == (8, 3, 4)
    assert [one["category_id"] for one in found["categories"]] == [800, 700, 900]
    assert [one["num_answered"] for one in found["categories"]] == [3, 1, 0]
    assert [one["mostly"] for one in found["categories"]] == [1, 1, 0]


def test_at_most_twenty_strange_categories_are_listed():
    given = np.arange(1000, 1030)
    found = measure_strangers(answers_of(given=given, given_class=np.full(30, STRANGER)))
    assert (found["num_categories"], len(found["categories"])) == (30, 20)


def test_the_expected_accuracy_is_the_mean_confidence_of_what_was_not_learnt():
    answers = answers_of(known=[NEW, NEW, 0], confidence=[0.9, 0.5, 1.0])
    found = measure_expected(answers, TESTED)
    assert found["expected"]["value"] == pytest.approx(0.7) and found["expected"]["n"] == 2
    assert found["on_test"]["expected"]["value"] == pytest.approx(0.75)
    assert found["on_test"]["accuracy"]["value"] == 0.75
    assert found["gap"]["value"] == pytest.approx(0.0, abs=1e-6)


def test_nothing_is_expected_where_all_was_learnt():
    assert measure_expected(answers_of(known=[0]), TESTED)["expected"]["value"] is None


def test_no_product_breaks_no_figure():
    answers = answers_of(best=np.zeros(0))
    assert measure_promises(answers, calibration(threshold(0.95, 0.5)), TESTED)[0]["share_answered"] is None
    assert measure_strangers(answers)["categories"] == []
    assert measure_expected(answers, TESTED)["expected"]["value"] is None
    assert [one["num_best"] for one in measure_classes(answers, CLASSES)] == [0, 0]


def test_a_run_without_a_target_uses_no_promise():
    promises = measure_promises(mixed(), calibration(threshold(0.95, 0.5)), TESTED)
    assert used_promise(promises, None) is None
    assert used_promise(promises, 0.95) is promises[0]


def test_what_was_expected_of_the_headline_is_over_the_same_products():
    answers = answers_of(known=[NEW, NEW, 2], confidence=[0.9, 0.5, 0.6], given_class=[0, STRANGER, 0])
    assert measure_expected(answers, TESTED, "new")["of_headline"]["value"] == pytest.approx(0.9)
    assert measure_expected(answers, TESTED)["of_headline"]["value"] is None
