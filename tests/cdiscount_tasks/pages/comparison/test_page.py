import copy

import pytest

from cdiscount_tasks.pages.comparison.page import answer, extremes
from cdiscount_tasks.pages.comparison.random_choices_figure import draw_random_choices


def figure(value, low=None, high=None):
    return {"value": value, "low": value - 0.05 if low is None else low, "high": value + 0.05 if high is None else high}


def sample(name, accuracy, network=0.7):
    return {"name": name, "title": name.title(), "accuracy": figure(accuracy), "network_accuracy": figure(network)}


def facts(accuracies, differences, gap=None):
    samples = [sample(name, accuracy) for name, accuracy in accuracies.items()]
    return {
        "samples": samples,
        "pairs": [{}] * 5,
        "features": {},
        "no_features": None,
        "differences": [{"samples": list(pair), "matched": one} for pair, one in differences.items()],
        "random_choices": None if gap is None else {"gap": gap},
    }


def test_the_first_sample_may_be_the_harder_one():
    told = answer(facts({"wine": 0.84, "bag": 0.92}, {("wine", "bag"): figure(-0.08, -0.11, -0.05)}))
    assert told == (
        "At equal size, the five categories of Wine are 8.0 points (5.0 to 11.0) harder than those of Bag: "
        "84.0 % against 92.0 %. This holds for these two samples only."
    )


def test_the_second_sample_may_be_the_harder_one():
    told = answer(facts({"bag": 0.92, "wine": 0.84}, {("bag", "wine"): figure(0.08, 0.05, 0.11)}))
    assert "of Wine are 8.0 points (5.0 to 11.0) harder than those of Bag" in told


def test_an_interval_over_zero_is_no_difference():
    told = answer(facts({"wine": 0.91, "bag": 0.92}, {("wine", "bag"): figure(-0.01, -0.04, 0.02)}))
    assert told.startswith(
        "At equal size, no difference is shown between Wine and Bag: 91.0 % against 92.0 %, 1.0 points ("
    )


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (
            figure(0.2, 0.1, 0.3),
            "five random categories of one level-2 name are 20.0 points (10.0 to 30.0) harder than five",
        ),
        (
            figure(-0.2, -0.3, -0.1),
            "five random categories of one level-2 name are 20.0 points (10.0 to 30.0) easier than",
        ),
        (
            figure(0.0, -0.1, 0.1),
            "are not shown to be harder or easier than five of different level-1 names: 0.0 points",
        ),
    ],
)
def test_the_random_choices_answers_for_the_catalogue(gap, words):
    assert words in answer(facts({"a": 0.8, "b": 0.9}, {("a", "b"): figure(-0.1)}, gap))


def test_without_features_the_answer_says_that_there_is_none():
    without = copy.deepcopy(facts({"a": 0.8, "b": 0.9}, {}))
    without |= {"features": None, "no_features": "no weights are there"}
    assert answer(without) == (
        "The networks, one run each: A 70.0 %, B 70.0 %. Not answered at equal size: no weights are there."
    )


def choices(alike, unlike):
    draws = {
        kind: [{"accuracy": {"value": value}} for value in values]
        for kind, values in (("alike", alike), ("unlike", unlike))
    }
    return {**draws, "samples": {"wine": {"accuracy": {"value": 0.6}}}}


def test_the_figure_of_the_random_choices_says_in_words_what_it_shows():
    alt = draw_random_choices(choices([0.5, 0.6, 0.8], [0.9, 0.95]), ["bag", "wine"]).alt
    assert "3 draws of one level-2 name: 50.0 % to 80.0 %, half of them below 60.0 %" in alt
    assert "sample B at 60.0 %" in alt and "sample A" not in alt


def test_a_random_choices_of_one_kind_has_no_empty_row():
    svg = draw_random_choices(choices([], [0.9, 0.95]), ["wine"]).svg
    assert "of different level-1 names" in svg and "of one level-2 name" not in svg


def test_the_same_random_choices_gives_the_same_figure():
    one = choices([0.5, 0.6, 0.8], [0.9, 0.95])
    assert draw_random_choices(one, ["wine"]) == draw_random_choices(one, ["wine"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.6, ["It is harder than every random unlike choice."]),
        (0.5, ["It is harder than every random unlike choice."]),
        (0.4, ["It is harder than every random alike choice.", "It is harder than every random unlike choice."]),
        (0.85, ["It is easier than every random alike choice."]),
        (0.92, ["It is easier than every random alike choice."]),
    ],
)
def test_a_sample_outside_all_random_choices_is_said_to_be(value, said):
    assert extremes(value, {"alike": [0.5, 0.6, 0.8], "unlike": [0.85, 0.95]}) == said


def test_without_choices_of_a_kind_nothing_is_said_of_it():
    assert extremes(0.4, {"alike": [], "unlike": []}) == []
