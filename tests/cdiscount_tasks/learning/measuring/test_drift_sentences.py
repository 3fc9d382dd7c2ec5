import pytest

from cdiscount_tasks.learning.measuring.drift import PROPERTIES_COMPARED
from cdiscount_tasks.learning.measuring.drift_sentences import property_value, tell_alarms, tell_same_catalogue

FIGURE = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 90, "num_groups": 90}


def a_property(name, before, now, d, means=None, alarm=True):
    before_mean, now_mean = means or (before, now)
    return {
        "name": name, "before": {"median": before, "mean": before_mean}, "now": {"median": now, "mean": now_mean},
        "d": d, "p": 0.0, "alarm": alarm,
    }  # fmt: skip


def a_class(number, change="common", alarm=True, before=0.1, now=0.2):
    return {
        "category_id": number, "name": f"CLASS {number}", "change": change, "alarm": alarm, "p": 0.0,
        "before": {**FIGURE, "value": before}, "now": {**FIGURE, "value": now},
        "num_products_before": 1, "num_products_now": 1234,
    }  # fmt: skip


def told(classes=(), total_variation=None, renamed=(), properties=(), auc=None):
    return tell_alarms(classes, total_variation, renamed, properties, auc)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (a_property("brightness", 201.2, 160.9, -0.4), "Pictures are darker: median brightness 201 -> 161."),
        (a_property("file_bytes", 4000, 5250, 0.3), "Picture files are larger: median size in bytes 4,000 -> 5,250."),
        (
            a_property("white_border", 0, 0, 0.2, means=(0.01, 0.1)),
            "White borders are wider: mean share of the picture 1 % -> 10 %.",
        ),
        (a_property("images_per_product", 1, 1, -0.2, means=(1.8, 1.2)),
         "Products have fewer pictures: mean number 1.8 -> 1.2."),
        (a_property("contrast", 50, 50, 0.2),
         "Pictures vary differently from before: contrast, with the same median and mean."),
    ],
)  # fmt: skip
def test_a_property_is_told_by_what_changed(found, sentence):
    assert told(properties=[found, a_property("aspect", 1, 2, 0.9, alarm=False)]) == [sentence]


@pytest.mark.parametrize("name", PROPERTIES_COMPARED)
@pytest.mark.parametrize("d", [0.3, -0.3])
def test_every_property_has_its_words(name, d):
    (sentence,) = told(properties=[a_property(name, 10, 10 + 5 * d, d)])
    assert sentence.endswith(".")
    assert property_value(name, 0.5)


def test_few_classes_are_named_and_the_rest_counted():
    (sentence,) = told(classes=[a_class(number) for number in range(5)])
    assert sentence.startswith("Shares of classes have changed: CLASS 0 10.0 % -> 20.0 %; CLASS 1")
    assert sentence.endswith("; and 2 more.")


def test_many_small_changes_are_told_where_no_class_stands_out():
    assert told(classes=[a_class(1, alarm=False)], total_variation=FIGURE) == [
        "The shares of the classes have changed, none of them much by itself: 20.0 % of the products in all."
    ]


def test_new_and_vanished_classes_have_their_products():
    assert told(classes=[a_class(1, "new"), a_class(2, "vanished"), a_class(3, "vanished")]) == [
        "A class is new, and the champion cannot answer with it: CLASS 1 (1,234 products).",
        "2 classes are gone: CLASS 2 (1 product); CLASS 3 (1 product).",
    ]


def test_a_renamed_class_is_told_once():
    renamed = {"from_id": 1, "from_name": "RED", "to_id": 2, "to_name": "CRIMSON", "num_products": 1200}
    classes = [a_class(1, "vanished"), a_class(2, "new")]
    assert told(classes=classes, renamed=[renamed]) == [
        "The products of RED (1) are now filed under CRIMSON (2): 1,200 of them."
    ]


def test_the_classifier_is_told_with_its_interval():
    (sentence,) = told(auc={**FIGURE, "value": 0.712, "low": 0.68, "high": 0.74})
    assert "(AUC 0.71, 0.68 to 0.74; 0.50 is chance)" in sentence


def test_nothing_is_told_where_nothing_changed():
    assert told(classes=[a_class(1, alarm=False)], properties=[a_property("aspect", 1, 2, 0.3, alarm=False)]) == []


@pytest.mark.parametrize(
    ("draws", "labels", "words"),
    [
        (({"seed": 0, "max_products_per_category": 400, "categories": [1]},
          {"seed": 1, "max_products_per_category": None, "categories": [1]}), ({"seed": 0}, {"seed": 1}),
         "this run's sample was drawn differently (max_products_per_category 400 -> none; seed 0 -> 1): what differs "
         "is the draw"),
        (({"categories": [1]}, {"categories": [1, 2]}), ({}, {}), "drawn differently (categories): what differs"),
        (({}, {}), ({"conflicts": "keep"}, {"conflicts": "drop_image"}),
         "this run's labels were made differently (conflicts keep -> drop_image): what differs is the labels"),
        (({}, {}), ({}, {}), "this run's labels were made differently (by other files): what differs is the labels"),
    ],
)  # fmt: skip
def test_of_the_same_catalogue_it_is_said_what_differs(draws, labels, words):
    said = tell_same_catalogue(draws, labels)
    assert said.startswith("the catalogue is the same; ") and words in said
