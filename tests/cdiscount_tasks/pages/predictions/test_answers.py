import pytest

from cdiscount_tasks.pages.predictions.answers import answers


def figure(value, low=None, high=None, n=100):
    return {"value": value, "low": low, "high": high, "n": n, "num_groups": n}


def promise(precision, strangers=None, threshold=0.8):
    none = figure(None, n=0)
    return {
        "target_precision": 0.95, "threshold": threshold, "note": None if threshold else "No threshold keeps it.",
        "precision": {"new": precision, "test": none, "validation": none},
        "strangers_answered": strangers or none, "precision_of_all": figure(0.7, 0.6, 0.8),
    }  # fmt: skip


def truth(headline="new", num_of_classes=100, num_learnt=5):
    accuracy = {kind: figure(None, n=0) for kind in ("new", "test", "validation")}
    if headline:
        accuracy[headline] = figure(0.8, 0.7, 0.9)
    return {
        "num_of_classes": num_of_classes, "num_learnt": num_learnt, "accuracy": accuracy, "headline": headline,
        "confusion": None,
    }  # fmt: skip


def summary(**changes):
    counts = {
        "num_documents": 200, "num_predicted": 190, "num_answered": 120, "num_abstained": 70, "num_rejected": 10,
        "num_with_truth": 190,
    }  # fmt: skip
    return {
        "target_precision": 0.95,
        "counts": counts,
        "promises": [promise(figure(0.96, 0.9, 0.99))],
        "truth": truth(),
        "strangers": {"num_products": 0, "num_new": 0, "num_categories": 0, "num_answered": 0, "categories": []},
        "expected": {
            "expected": figure(0.72),
            "on_test": {"expected": figure(0.75), "accuracy": figure(0.74, 0.7, 0.78)},
        },
        "drift": {"reason": None, "alarms": []},
        "known": {"copies_of_train": 0, "new": 100},
        "classes": [{}] * 5,
        **changes,
    }


def by_name(**changes):
    return {one.name: one for one in answers(summary(**changes))}


def test_what_is_answered_is_told_with_its_promise():
    answered = by_name()["answered"]
    assert answered.short == "60.0 % at a promised precision of 95 %"
    assert "120 of 200 documents have a category, 70 without one; 10 documents were rejected." in answered.sentence
    assert "from a confidence of 80.0 % on" in answered.sentence
    assert answered.more.startswith("Of such answers 95 % are right: promised with 95 % certainty")


def test_where_no_precision_can_be_promised_the_reason_is_told():
    answered = by_name(promises=[promise(figure(None, n=0), threshold=None)])["answered"]
    assert answered.good is False and answered.sentence == "No threshold keeps it."


def test_without_a_target_nothing_is_held_back():
    answered = by_name(target_precision=None)["answered"]
    assert "whatever it can see" in answered.short and "promised" in answered.more


@pytest.mark.parametrize(
    ("precision", "good", "words"),
    [
        (figure(0.96, 0.9, 0.99), True, "the promise is kept"),
        (figure(0.8, 0.7, 0.9), False, "the promise is broken"),
        (figure(0.94, 0.9, 0.98), None, "by no more than chance explains"),
        (figure(None, n=0), None, ""),
    ],
)
def test_a_promise_is_kept_broken_or_open(precision, good, words):
    right = by_name(promises=[promise(precision)])["right"]
    assert right.good is good and words in right.more
    assert right.short == "80.0 % (70.0 to 90.0)"
    assert "100 products that are new to the model" in right.sentence
    assert "5 products that the model learnt from are left out" in right.sentence


def test_without_categories_the_expected_accuracy_is_told_beside_what_was_true_on_test():
    right = by_name(truth=None)["right"]
    assert right.short == "72.0 % are expected to be right"
    assert "said 75.0 %, and 74.0 % (70.0 to 78.0) were right" in right.sentence
    assert "for no others" in right.more


def test_where_all_was_learnt_nothing_is_claimed():
    assert "learnt from every product" in by_name(truth=truth(headline=None))["right"].sentence


def test_where_no_product_is_of_the_models_classes_every_answer_is_wrong():
    none = by_name(truth=truth(headline=None, num_of_classes=0))["right"]
    assert (none.good, none.short) == (False, "Never")
    assert none.sentence == "None of its 190 products is of the model's classes: every answer is wrong."


def test_in_a_mixed_file_products_without_a_category_are_told_and_nothing_is_claimed_of_them():
    mixed = summary()["counts"] | {"num_with_truth": 150}
    found = by_name(counts=mixed)
    assert "Of 40 products the file says no category." in found["right"].sentence
    assert "the file says no category" not in by_name()["right"].sentence
    assert (found["strangers"].good, found["strangers"].short) == (None, "Yes, where the file tells")
    assert found["strangers"].more.startswith("Of 40 products it says none")
    assert by_name()["strangers"].short == "Yes, all of them"


def test_products_of_other_categories_and_their_wrong_answers_are_told():
    strange = {"num_products": 95, "num_new": 95, "num_categories": 3, "num_answered": 19, "categories": []}
    told = by_name(strangers=strange, promises=[promise(figure(0.9), figure(0.2, 0.1, 0.3))])["strangers"]
    assert told.good is False and told.short == "50.0 % do not"
    assert "95 products of 3 categories that the model does not know." in told.sentence
    assert "20.0 % of them (10.0 to 30.0) have an answer all the same, and each such answer is wrong" in told.sentence
    assert "70.0 % (60.0 to 80.0) of the answers" in told.more


@pytest.mark.parametrize(("num", "said"), [(3195, "None of the 3,195 others is answered."), (1, "It is not answered.")])
def test_products_of_other_categories_that_are_not_answered_get_no_tick(num, said):
    strange = {"num_products": num, "num_new": num, "num_categories": 3, "num_answered": 0, "categories": []}
    told = by_name(strangers=strange, promises=[promise(figure(0.9), figure(0.0, 0.0, 0.1))])["strangers"]
    assert told.good is None and told.sentence.endswith(f" that the model does not know. {said}")


def test_drift_of_products_that_are_all_of_other_categories_is_told_as_that():
    strange = {"num_products": 100, "num_new": 100, "num_categories": 3, "num_answered": 0, "categories": []}
    alarms = {"reason": None, "alarms": ["Pictures are darker."]}
    told = by_name(strangers=strange, drift=alarms)["alike"]
    assert (told.good, told.short) == (None, "Its new products are not: all are of other categories")
    assert told.sentence.startswith("All 100 products that are new to the model are of other categories.")
    some = by_name(strangers={**strange, "num_new": 99}, drift=alarms)["alike"]
    assert some.good is False and "other categories" not in some.sentence


def test_without_categories_nobody_knows_what_belongs():
    told = by_name(truth=None)["strangers"]
    assert told.good is None and "The model knows 5 classes" in told.sentence


@pytest.mark.parametrize(
    ("drift", "good", "words"),
    [
        ({"reason": None, "alarms": []}, True, "no more than chance explains"),
        ({"reason": None, "alarms": ["Pictures are darker."]}, False, "Pictures are darker."),
        ({"reason": "the model knows all", "alarms": []}, None, "The model knows all."),
    ],
)
def test_drift_is_told_in_a_sentence(drift, good, words):
    told = by_name(drift=drift, known={"copies_of_train": 19, "new": 100})["alike"]
    assert told.good is good and words in told.sentence
    assert told.more == "10.0 % of the products have a picture that it learnt from."
