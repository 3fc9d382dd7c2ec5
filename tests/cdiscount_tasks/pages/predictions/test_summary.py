import pytest

from cdiscount_tasks.pages.predictions.summary import (
    RUN_FACTS,
    headline,
    listed,
    mixed_origins,
    promise_of,
    summarise,
)

FIGURE = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 50, "num_groups": 40}
FACTS = {"sample": "wine", "title": "Wine", "catalogue": "test.bson", "embed_pictures": True}


def measured(headline_kind="new", **changes):
    return {
        "counts": {
            "num_predicted": 90,
            "num_answered": 60,
            "num_abstained": 30,
            "num_damaged_images_of_predicted": 1,
            "num_with_truth": 90,
        },
        "promises": [{"target_precision": 0.99}, {"target_precision": 0.95}],
        "truth": {"headline": headline_kind, "num_of_classes": 87, "accuracy": {"new": FIGURE}},
        "strangers": {"num_products": 3, "categories": [{"category_id": 7, "num_products": 3}]},
        "expected": {"expected": {"value": 0.75}},
        "drift": {"alarms": ["Pictures are darker."]},
        **changes,
    }


def summary(target_precision=0.95, **changes):
    asked = {"target_precision": target_precision, "num_damaged_images": 5}
    rejected = {"no_usable_image": 8, "id_missing": 2}
    return summarise(measured(**changes), FACTS, "file", asked, rejected, lambda one: f"CATEGORY {one}")


def test_documents_are_those_with_an_answer_and_the_rejected_ones():
    counts = summary()["counts"]
    assert (counts["num_documents"], counts["num_rejected"]) == (100, 10)
    assert counts["rejected"] == {"no_usable_image": 8, "id_missing": 2}


def test_damaged_images_are_those_of_all_products_as_the_predictions_say():
    counts = summary()["counts"]
    assert (counts["num_damaged_images"], counts["num_damaged_images_of_predicted"]) == (5, 1)


def test_what_the_run_does_not_know_is_null():
    found = summary()
    assert [found[name] for name in RUN_FACTS] == ["wine", "Wine", "test.bson", *[None] * 7]
    assert "embed_pictures" not in found


@pytest.mark.parametrize(
    ("learnt", "asked", "said"),
    [
        ("drawn", "file", "The model learnt from drawn pictures and this file holds photographs: the answers mean "),
        ("file", "drawn", "The model learnt from photographs and this file holds drawn pictures: the answers mean "),
        ("drawn", "drawn", None),
        ("file", "file", None),
        (None, "file", None),
    ],
)
def test_a_model_of_other_pictures_than_the_files_is_told(learnt, asked, said):
    facts, predictions = FACTS | {"model_origin": learnt}, {"target_precision": None, "num_damaged_images": 0}
    found = summarise(measured(), facts, asked, predictions, {}, str)
    assert mixed_origins(found) == (said and f"{said}nothing.")
    assert (listed(found)["origin"], listed(found)["model_origin"]) == (asked, learnt)


def test_categories_that_the_model_does_not_know_are_named():
    assert summary()["strangers"]["categories"][0]["name"] == "CATEGORY 7"


def test_the_list_says_the_headline():
    row = listed(summary())
    assert (row["accuracy"], row["accuracy_low"], row["accuracy_high"], row["accuracy_of"]) == (0.8, 0.7, 0.9, "new")
    assert (row["num_answered"], row["num_documents"], row["num_alarms"]) == (60, 100, 1)
    assert (row["num_with_truth"], row["num_of_classes"]) == (90, 87)
    assert (row["target_precision"], row["expected_accuracy"]) == (0.95, None)


def test_what_is_expected_is_listed_where_the_file_has_no_categories():
    row = listed(summary(truth=None))
    assert (row["expected_accuracy"], row["num_of_classes"]) == (0.75, None)
    assert listed(summary(headline_kind=None))["expected_accuracy"] is None


@pytest.mark.parametrize("changes", [{"truth": None}, {"headline_kind": None}])
def test_without_truth_the_list_has_no_accuracy(changes):
    assert headline(summary(**changes)) is None
    row = listed(summary(**changes))
    assert (row["accuracy"], row["accuracy_low"], row["accuracy_of"]) == (None, None, None)


def test_a_run_without_a_target_makes_no_promise():
    assert promise_of(summary())["target_precision"] == 0.95
    assert promise_of(summary(target_precision=None)) is None
