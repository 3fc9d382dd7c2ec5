import json

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.learning.measuring import drift as measuring
from cdiscount_tasks.learning.measuring.class_drift import compare_classes
from cdiscount_tasks.learning.measuring.drift import (
    FEWEST_GROUPS,
    PROPERTIES_COMPARED,
    Speakers,
    choose_looked_at,
    choose_speakers,
    compare_properties,
    find_renamed,
    measure_drift,
)

CLASSES = (10, 20, 30)
NO_MOVES = pd.DataFrame({"from_id": [], "to_id": [], "num_products": []}, dtype="int64")


def speakers_of(num_before=200, num_now=150, seed=0, darker=0.0, with_features=True):
    random = np.random.default_rng(seed)
    is_now = np.repeat([False, True], [num_before, num_now])
    n = len(is_now)
    properties = random.normal(100, 10, (n, len(PROPERTIES_COMPARED)))
    properties[is_now, 0] -= darker
    features = random.normal(size=(n, 6)).astype(np.float32)
    features[is_now, 0] -= darker / 10
    category_id = np.array(CLASSES)[np.arange(n) % 3]
    return Speakers(is_now, category_id, np.arange(n), properties, features if with_features else None)


def lists_of(speakers, **changes):
    sides = {"before": ~speakers.is_now, "now": speakers.is_now}
    counts = {
        f"{what}_{side}": [int((speakers.category_id[of] == one).sum()) for one in CLASSES]
        for what in ("products", "groups")
        for side, of in sides.items()
    }
    return pd.DataFrame({**counts, "name": ["RED", "GREEN", "BLUE"], **changes}, index=pd.Index(CLASSES))


def measured(speakers, moved=NO_MOVES, lists=None, **more):
    return measure_drift(speakers, lists_of(speakers) if lists is None else lists, moved, {"n": 1}, **more)


def test_one_row_of_each_group_speaks_and_each_may():
    group = np.array([7, 7, 3, 7, 3, 5])
    chosen = [choose_speakers(group, seed) for seed in range(40)]
    assert all(sorted(group[rows]) == [3, 5, 7] for rows in chosen)
    assert {tuple(rows.tolist()) for rows in chosen} == {tuple(sorted((a, b, 5))) for a in (0, 1, 3) for b in (2, 4)}


def test_a_class_of_many_copies_does_not_cry_wolf():
    """A tenth of all products is new, one by one: nearly every large group has one, of the single ones a tenth."""
    random = np.random.default_rng(0)
    sizes = np.repeat([10, 1], [100, 900])
    group = np.repeat(np.arange(1000), sizes)
    category_id = np.where(group < 100, 10, 20)
    lists = lists_of(speakers_of())
    alarms = {"one speaks": 0, "once a side": 0}
    for seed in range(20):
        is_now = random.random(len(group)) < 0.1
        for name, units in (("one speaks", group), ("once a side", 2 * group + is_now)):
            rows = choose_speakers(units, seed)
            found = compare_classes(category_id[rows], is_now[rows], lists, seed)
            alarms[name] += any(one["alarm"] for one in found.classes)
    assert alarms["one speaks"] <= 1
    assert alarms["once a side"] == 20


def test_of_many_groups_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(measuring, "MOST_GROUPS", 50)
    is_now = np.arange(300) % 10 == 0
    chosen = choose_looked_at(is_now, 0)
    assert (is_now[chosen].sum(), (~is_now[chosen]).sum()) == (30, 50)
    assert (np.diff(chosen) > 0).all()


def test_a_property_is_an_alarm_where_it_moved_and_by_enough():
    speakers = speakers_of(darker=10)
    of = {one["name"]: one for one in compare_properties(speakers.properties, speakers.is_now)}
    assert of["brightness"]["alarm"]
    assert of["brightness"]["d"] < -0.1
    assert [name for name, one in of.items() if one["alarm"]] == ["brightness"]


def test_a_small_move_of_many_pictures_is_no_alarm():
    speakers = speakers_of(20_000, 20_000, darker=1.5, with_features=False)
    brightness = compare_properties(speakers.properties, speakers.is_now)[0]
    assert brightness["p"] < 1e-6
    assert not brightness["alarm"]


def test_where_nothing_changed_there_is_no_alarm_and_json_holds_it():
    drift, shown = measured(speakers_of())
    assert drift["alarms"] == []
    assert drift["reason"] is None
    assert json.loads(json.dumps(drift, allow_nan=False)) == drift
    assert len(shown) == 24


def test_darker_pictures_are_told_in_words_and_shown():
    speakers = speakers_of(darker=20)
    drift, shown = measured(speakers)
    assert drift["alarms"][0].startswith("Pictures are darker: median brightness 1")
    assert "a classifier tells them" in drift["alarms"][1]
    assert drift["told_apart"]["alarm"]
    assert {side for side, _, _ in shown} == {"before", "now"}
    assert all(speakers.is_now[place] == (side == "now") for side, place, _ in shown)
    now = [score for side, _, score in shown if side == "now"]
    assert now == sorted(now, reverse=True)
    assert now[0] > 0.8


def test_without_features_the_reason_is_told():
    drift, shown = measured(speakers_of(with_features=False), no_features="the champion's run has no features")
    assert drift["told_apart"] == {
        "auc": {"value": None, "low": None, "high": None, "n": 350, "num_groups": 350},
        "alarm": False, "reason": "the champion's run has no features",
    }  # fmt: skip
    assert shown == []


def test_of_too_few_groups_no_classifier_learns():
    drift, _ = measured(speakers_of(num_now=FEWEST_GROUPS - 1))
    assert "fewer than 20 groups" in drift["told_apart"]["reason"]
    assert drift["properties"]


def test_with_nothing_new_the_classes_are_listed_all_the_same():
    nobody = Speakers(np.empty(0, bool), np.empty(0, int), np.empty(0, int), np.empty((0, 8)), None)
    lists = lists_of(speakers_of(), groups_now=[50, 50, 0], products_now=[50, 50, 0])
    moved = pd.DataFrame({"from_id": [10, 20], "to_id": [10, 20], "num_products": [67, 67]})
    drift, shown = measure_drift(nobody, lists, moved, {}, reason="no product is new")
    assert (drift["reason"], drift["properties"], shown) == ("no product is new", [], [])
    assert drift["alarms"] == ["A class is gone: BLUE (66 products)."]


@pytest.mark.parametrize(
    ("moves", "renamed"),
    [
        ([(10, 10, 60), (30, 40, 50)], [(30, 40, 50)]),
        ([(30, 40, 20), (30, 20, 30)], [(30, 20, 30)]),
        ([(30, 40, 20), (30, 20, 20), (30, 10, 20)], []),
        ([(10, 20, 60)], []),
    ],
)
def test_a_vanished_class_is_renamed_where_half_of_its_products_have_one_class(moves, renamed):
    lists = pd.DataFrame(
        {"groups_now": [9, 9, 0, 9], "name": ["RED", "GREEN", "BLUE", "NAVY"]}, index=pd.Index([10, 20, 30, 40])
    )
    found = find_renamed(pd.DataFrame(moves, columns=["from_id", "to_id", "num_products"]), lists)
    assert [(one["from_id"], one["to_id"], one["num_products"]) for one in found] == renamed


def test_the_same_arrays_give_the_same_figures():
    assert measured(speakers_of(darker=5)) == measured(speakers_of(darker=5))
