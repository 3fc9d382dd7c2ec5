from dataclasses import replace

import pytest

from cdiscount_tasks.pages.two_runs.differences import Difference, differ_only_in_seed, differences
from tests.cdiscount_tasks.pages.overview.test_page import make_report

SETTINGS = {
    "training": {"epochs": 8, "tuning": {"epochs": 2, "layers": None}},
    "data": {"categories": [1, 2, 3], "near_duplicates": "group"},
    "catalogue_id": "c0ffee",
    "num_fixes": 3,
    "fixes": "0123456789",
    "weights": None,
    "versions": {"keras": "3.11"},
}


def run(**changed):
    return replace(make_report(), settings={**SETTINGS, **changed})


def test_the_same_settings_have_no_difference():
    assert differences(run(), run()) == []


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        ({"training": {"epochs": 9, "tuning": {"epochs": 2, "layers": None}}}, ("epochs", "8", "9")),
        ({"training": {"epochs": 8, "tuning": {"epochs": 2, "layers": 5}}}, ("tuning: layers", "none", "5")),
        ({"training": {"epochs": 8}}, ("tuning: epochs", "2", "not set")),
        ({"catalogue_id": "beef"}, ("catalogue", "c0ffee", "beef")),
        ({"num_fixes": 4, "fixes": "ab"}, ("label fixes", "3 label fixes (file 01234567)", "4 label fixes (file ab)")),
        ({"weights": "77"}, ("pretrained weights", "none", "77")),
        ({"versions": {"keras": "3.12"}}, ("version of keras", "3.11", "3.12")),
        (
            {"data": {"categories": [2, 3, 4, 5], "near_duplicates": "group"}},
            ("categories", "3 entries, only here: 1", "4 entries, only here: 4, 5"),
        ),
        (
            {"data": {"categories": [1, 2], "near_duplicates": "group"}},
            ("categories", "3 entries, only here: 3", "2 entries, none of its own"),
        ),
    ],
)
def test_what_is_different_is_named_with_what_each_run_has(changed, row):
    assert differences(run(), run(**changed))[0] == Difference(*row)


def test_of_long_lists_a_few_are_named():
    (row,) = differences(run(), run(data={"categories": list(range(100, 120)), "near_duplicates": "group"}))
    assert row.second == "20 entries, only here: 100, 101, 102, 103, 104, 105 and 14 more"


def test_a_stop_by_hand_is_named_as_such():
    stopped = run(training={**SETTINGS["training"], "stopped_after_epoch": 4})
    assert differences(run(), stopped) == [Difference("stopped by hand after epoch", "not stopped", "4")]


@pytest.mark.parametrize(
    ("changed", "only_seed"),
    [
        ({"training": {**SETTINGS["training"], "seed": 1}}, True),
        ({"training": {**SETTINGS["training"], "seed": 1, "seeds": 5}}, True),
        ({"training": {**SETTINGS["training"], "seed": 1}, "catalogue_id": "beef"}, False),
        ({"data": {**SETTINGS["data"], "seed": 1}}, False),
        ({}, False),
    ],
)
def test_a_seed_of_the_training_alone_is_told_from_other_differences(changed, only_seed):
    assert differ_only_in_seed(run(), run(**changed)) is only_seed
