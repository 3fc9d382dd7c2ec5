import copy

import pytest

from cdiscount_tasks.pages.parts.words import ClassName
from cdiscount_tasks.pages.report.answers import answers

NAMES = [ClassName("RED", "RED", 1), ClassName("WHITE", "WHITE", 2)]
FIGURE = {"value": 0.9, "low": 0.88, "high": 0.92, "n": 500, "num_groups": 400}
MORE = {"value": 0.09, "low": 0.03, "high": 0.15, "n": 500, "num_groups": 400}
GOOD = {
    "verdict": {"certified": True, "above_baseline": True, "champion": None},
    "champion": None,
    "split_certificate": {"shared_content_hashes": 0, "shared_pixel_hashes": 0},
    "leak": {"reason": None, "inflation": {"by_image": MORE}},
    "model": {"num_classes_predicted": 2},
    "suspects": {"num_suspects": 5, "num_products_judged": 100, "num_mistakes": 50, "num_mistakes_suspect": 26},
    "test": {
        "baseline": {
            "majority": {**FIGURE, "value": 0.55},
            "largest_in_test": {**FIGURE, "value": 0.95},
            "gain": MORE,
            "majority_class_index": 1,
        },
        "product": {
            "accuracy": FIGURE,
            "ceiling": {"value": 0.99},
            "confusion": {"pairs": [{"true": 0, "predicted": 1, "n": 12, "share": 0.24}]},
            "per_class": [{"too_few_to_judge": False}, {"too_few_to_judge": True}],
        },
    },
}


def answered(name, **values):
    """Return one answer to the good metrics with some values changed, by dotted name with `__` for the dot."""
    metrics = copy.deepcopy(GOOD)
    for dotted, value in values.items():
        *way, last = dotted.split("__")
        place = metrics
        for part in way:
            place = place[part]
        place[last] = value
    return next(answer for answer in answers(metrics, NAMES) if answer.name == name)


def test_the_questions_come_in_the_order_in_which_a_reader_asks_them():
    assert [answer.name for answer in answers(GOOD, NAMES)] == ["trust", "better", "fails", "cause"]


@pytest.mark.parametrize(
    ("name", "change", "good", "words"),
    [
        ("trust", {}, True, "is very likely between 88.0 % and 92.0 %"),
        ("trust", {"verdict__certified": False, "split_certificate__shared_pixel_hashes": 3}, False, "share 3 picture"),
        ("trust", {"test__product__accuracy__low": None}, None, "No interval"),
        ("better", {}, True, "WHITE, the largest class of train, is right for 55.0 %; the model gains +9.0 points"),
        ("better", {"verdict__above_baseline": False}, False, "largest in test gives 95.0 %"),
        (
            "better",
            {"verdict__above_baseline": False, "test__baseline__majority__value": 0.9},
            False,
            "90.0 %; that may be as good",
        ),
        (
            "better",
            {"verdict__above_baseline": False, "test__baseline__majority__value": 0.99},
            False,
            "Always answering the largest class would be better",
        ),
        ("better", {"test__baseline__majority__value": None}, None, "No interval"),
        (
            "fails",
            {},
            None,
            "50 of 500 answers are wrong; most often RED taken for WHITE: 12 of the 50 test products of RED.",
        ),
        ("fails", {"test__product__confusion__pairs": []}, True, "Every test product was recognised"),
        ("cause", {}, None, "10.0 % of the answers are wrong. 1.0 % cannot be avoided"),
        ("cause", {"test__product__ceiling__value": 1.0}, None, "10.0 % of the answers are wrong. Of the 50"),
        ("cause", {"test__product__accuracy__value": 1.0}, True, "Every test product was recognised"),
        ("cause", {"test__product__ceiling__value": None}, None, "Nothing was measured"),
    ],
)
def test_an_answer_says_the_figure_that_it_comes_from(name, change, good, words):
    answer = answered(name, **change)
    assert answer.good is good
    assert words in answer.sentence


def test_what_a_careless_split_would_have_said_stands_below_the_trust():
    assert "would have reported more: +9.0 points" in answered("trust").more
    assert "would have reported about as much here" in answered("trust", leak__inflation__by_image__low=-0.01).more
    assert "not computed: no weights" in answered("trust", leak__reason="no weights").more


def test_look_alikes_of_train_stand_with_the_trust_unless_they_are_kept_in_one_split():
    near = {"mode": "report", "num_test_products": 59, "share_of_test_products": 0.2226}
    said = answered("trust", split_certificate__near_duplicates=near).more
    assert "59 test products look nearly like one of train (22.3 %)" in said
    for other in ({**near, "mode": "group"}, {**near, "num_test_products": 0}, None):
        assert "nearly" not in answered("trust", split_certificate__near_duplicates=other).more


def test_where_more_labels_look_wrong_than_can_be_the_categories_look_alike():
    answer = answered("cause", suspects__num_suspects=11)
    assert answer.short == "Mostly the model, as far as can be seen"
    assert "11.0 % of all labels look so: these categories look alike" in answer.sentence


def test_a_model_of_one_answer_is_named():
    answer = answered(
        "better", verdict__above_baseline=False, test__baseline__majority__value=0.9, model__num_classes_predicted=1
    )
    assert "one class for everything" in answer.sentence


def test_contradictions_are_the_main_cause_where_they_make_half_of_the_mistakes():
    assert answered("cause", test__product__ceiling__value=0.94).short == "Mostly the data"
    assert answered("cause", suspects=None).short == "Mostly the model, as far as can be seen"


def test_the_cause_is_open_where_suspects_could_explain_a_quarter_of_the_mistakes():
    assert answered("cause").short == "Open: 26 of 50 mistakes may be wrong labels"
    assert answered("cause", suspects__num_mistakes_suspect=12).short == "Mostly the model, as far as can be seen"


def test_suspects_are_a_suspicion_and_absent_without_an_audit():
    assert "Of the 50 wrong answers, 26 go to products whose label looks wrong" in answered("cause").sentence
    assert "suspicion" not in answered("cause", suspects=None).sentence


def answer_of_many(level1):
    """Return where a model of 300 classes fails, of which 60 have 2 test products and the others 40."""
    names = [ClassName(f"C{index}", f"C{index}", index) for index in range(300)]
    metrics = copy.deepcopy(GOOD)
    metrics["test"]["product"] |= {
        "per_class": [{"support": 2 if index < 60 else 40, "too_few_to_judge": index < 60} for index in range(300)],
        "levels": [{"level": 1, "accuracy": {"value": level1}}],
    }
    return next(answer for answer in answers(metrics, names) if answer.name == "fails")


def test_of_many_classes_the_share_of_the_test_that_cannot_be_judged_is_said_and_how_near_mistakes_are():
    assert answer_of_many(0.975).more == (
        "75.0 % of the mistakes stay within the right category of level 1. 60 of 300 classes have too few test "
        "products to be judged alone; together they have 1.2 % of the test products."
    )


def test_of_many_classes_in_one_category_nothing_is_said_of_level_1():
    assert answer_of_many(None).more.startswith("60 of 300 classes")


def test_single_mistakes_are_no_pattern_and_pairs_that_are_confused_as_often_are_counted():
    pairs = [{"true": 0, "predicted": 1, "n": 2, "share": 0.2}, {"true": 1, "predicted": 0, "n": 2, "share": 0.1}]
    few = answered("fails", test__product__confusion__pairs=pairs)
    assert few.short == "50 mistakes: too few to show a pattern"
    assert "RED taken for WHITE: 2 of the 10 test products of RED; WHITE taken for RED as often." in few.sentence
    assert few.more == "1 of 2 classes have too few test products to be judged alone: WHITE."
    assert answered("fails").short == "RED taken for WHITE"


def test_what_the_champion_knew_is_said_to_be_left_out_and_lookalikes_are_those_that_remain():
    near = {"mode": "report", "num_test_products": 11, "share_of_test_products": 0.159}
    certificate = {**GOOD["split_certificate"], "num_products": {"test": 69}, "near_duplicates": near}
    accuracy = {**FIGURE, "n": 18}
    known = {"num_classes_predicted": 2, "num_left_out": 80}  # of validation and test
    changes = {"split_certificate": certificate, "test__product__accuracy": accuracy, "model": known}
    said = answered("trust", **changes, test__num_near_train=3).more
    assert said.startswith(
        "51 of 69 test products are left out: the champion that the training began with knew them. Of the 18 that "
        "remain, 3 look nearly like one of train: if these are"
    )
    none = answered("trust", **changes, test__num_near_train=0).more
    assert "None of the 18 that remain looks nearly like one of train." in none
    said = answered("trust", **changes).more
    assert "11 test products look nearly like one of train, of which at least 0 and at most 11 remain" in said
    whole = {**changes, "test__product__accuracy": {**FIGURE, "n": 69}}  # all that it knew were of validation
    assert answered("trust", **whole).more.startswith("11 test products look nearly like one of train (15.9 %)")


COMPARED = {
    "verdict": "better", "promotes": True, "evidence": True, "blocked": [], "reasons": ["Look 3."],
    "champion": {"run_id": "then"},
    "comparisons": [{"look": 3, "level": 0.00338, "low": 0.004, "high": 0.038, "test": {"value": 0.021}}],
}  # fmt: skip


def test_a_promotion_that_needs_consent_is_worded_as_the_state_when_the_report_was_written():
    asks = {"config": {"sample": {"promotion": {"approval": "required"}}}}
    said = " (a person had still to agree when this report was written)."
    first = {**COMPARED, "verdict": "first", "champion": None}
    assert f"to be the first{said}" in answered("better", champion=first, lineage=asks).more
    assert f"takes the champion's place{said}" in answered("better", champion=COMPARED, lineage=asks).more
    declined = {**COMPARED, "promotes": False, "evidence": False}
    assert said not in answered("better", champion=declined, lineage=asks).more


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (None, "There was no champion to compare it with."),
        ({}, "Better than the champion: +2.1 points (+0.4 to +3.8), look 3 at these test products, 99.32 % inter"),
        (
            {"promotes": False, "blocked": ["Macro F1."]},
            "look 3 at these test products, 99.32 % interval; a gate blocks this model: the champion stays.",
        ),
        (
            {"verdict": "no_evidence", "promotes": False, "evidence": False, "comparisons": [], "blocked": ["F1."]},
            "the champion: by this verdict the champion stays.",
        ),
        ({"verdict": "worse", "promotes": False}, "Worse than the champion: +2.1 points"),
        ({"verdict": "first", "champion": None}, "There was no champion: this model is to be the first."),
        (
            {"verdict": "first", "champion": None, "promotes": False, "blocked": ["Macro F1."]},
            "There was no champion: a gate blocks this model, so there is still none.",
        ),
        (
            {"verdict": "no_evidence", "champion": None, "promotes": False, "comparisons": []},
            "There was no champion: by this verdict there is still none.",
        ),
        (
            {"verdict": "not_comparable", "champion": None, "promotes": False, "reasons": ["It is damaged."]},
            "Cannot be compared with the champion: It is damaged.",
        ),
    ],
)
def test_beside_the_baseline_stands_what_the_judgement_says(changes, words):
    judged = None if changes is None else {**COMPARED, **changes}
    assert words in answered("better", champion=judged).more
