import pytest

from cdiscount_tasks.runs.recipe_differences import differences


def test_recipes_that_differ_in_a_report_are_told_by_name():
    before = {"stage": "model", "version": 1, "config": {"a": 1, "b": [1]}, "inputs": {}, "files": {}, "libraries": {}}
    now = {**before, "version": 2, "config": {"b": [1, 2], "c": None}}

    assert differences(before, now) == [
        "a 1 -> absent",
        "b: now with 2",
        "c absent -> none",
        "the code of this step changed (version 1 -> 2)",
    ]
    assert differences(before, before) == []


def recipe(**parts):
    return {"stage": "model", "version": 1, "config": {}, "inputs": {}, "libraries": {}, **parts}


@pytest.mark.parametrize(("was", "now", "said"), [
    ({"config": {"epochs": 8}}, {"config": {"epochs": 30}}, ["epochs 8 -> 30"]),
    ({"config": {"tags": ["a", "b"]}}, {"config": {"tags": ["b", "c"]}}, ["tags: now without a and with c"]),
    ({"config": {"tags": ["a", "b"]}}, {"config": {"tags": ["b", "a"]}}, ["tags: now in another order"]),
    ({"inputs": {"index": "1"}}, {"inputs": {"index": "2"}}, ["the catalogue's content changed"]),
    ({"inputs": {"champion": "1"}}, {"inputs": {"champion": "2"}}, ["the champion that it begins with changed"]),
    ({"version": 1}, {"version": 2}, ["the code of this step changed (version 1 -> 2)"]),
    ({"libraries": {"keras": "3.1"}}, {"libraries": {"keras": "3.2"}}, ["keras 3.1 -> 3.2"]),
    ({"config": {"a": 0}}, {"config": {"a": 0, "pictures": "in_catalogue"}}, ["pictures copied -> in_catalogue"]),
    ({"config": {"a": 0}}, {"config": {"a": 0, "chosen_epoch": "last"}}, ["chosen epoch loss -> last"]),
    (
        {"config": {"seeds": 3, "stopped_seeds": {"2": 7}}}, {"config": {"seeds": 3}},
        ["that training with seed 2 was stopped by hand after epoch 7, and this one ends by itself"],
    ),
    ({}, {}, []),
])  # fmt: skip
def test_a_difference_is_said_in_words(was, now, said):
    assert differences(recipe(**was), recipe(**now)) == said
