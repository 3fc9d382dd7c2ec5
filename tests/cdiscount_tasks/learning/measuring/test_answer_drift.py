"""Whether the champion answers to new products as before."""

import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.answer_drift import FEWEST_GROUPS, Answered, compare_answers, tell_answers

NAMES = {10: "RED", 20: "GREEN", 30: "BLUE"}


def answered(num_before=300, num_now=200, shares_now=(0.5, 0.3, 0.2), sure_now=0.0, seed=0):
    random = np.random.default_rng(seed)
    is_now = np.repeat([False, True], [num_before, num_now])
    category_id = np.where(
        is_now,
        random.choice(list(NAMES), len(is_now), p=shares_now),
        random.choice(list(NAMES), len(is_now), p=(0.5, 0.3, 0.2)),
    )
    probability = np.clip(random.beta(6, 2, len(is_now)) + np.where(is_now, sure_now, 0), 0, 1)
    return Answered(is_now, category_id, probability)


def test_where_nothing_has_changed_there_is_no_alarm():
    drift = compare_answers(answered(), NAMES)
    assert tell_answers(drift) == [] and drift["reason"] is None
    assert drift["num_groups"] == {"before": 300, "now": 200}
    assert sum(one["num_before"] for one in drift["classes"]) == 300
    assert sum(one["num_now"] for one in drift["classes"]) == 200


@pytest.mark.parametrize(("sure_now", "word"), [(-0.2, "less sure"), (0.2, "surer")])
def test_a_champion_that_became_more_or_less_sure_is_an_alarm(sure_now, word):
    drift = compare_answers(answered(sure_now=sure_now), NAMES)
    (sentence,) = tell_answers(drift)
    assert sentence.startswith(f"The champion is {word} of its answers to new products: mean probability 77 % -> ")
    assert np.sign(drift["probability"]["d"]) == np.sign(sure_now)


def test_probabilities_that_are_spread_wider_about_the_same_mean_are_told_as_such():
    found = compare_answers(answered(), NAMES)
    probability = {**found["probability"], "alarm": True, "now": found["probability"]["before"]}
    assert "varies differently from before" in tell_answers({**found, "probability": probability})[0]


def test_classes_that_are_answered_more_or_less_often_are_named():
    drift = compare_answers(answered(shares_now=(0.2, 0.3, 0.5)), NAMES)
    (sentence,) = tell_answers(drift)
    assert sentence.startswith("The champion answers other classes to new products than before: ")
    assert "BLUE " in sentence and "RED " in sentence and "GREEN" not in sentence


def test_of_many_classes_three_are_named():
    found = compare_answers(answered(), NAMES)
    one = {**found["classes"][0], "alarm": True}
    (sentence,) = tell_answers({**found, "classes": [one] * 5})
    assert sentence.endswith("; and 2 more.") and sentence.count("->") == 3


def test_a_change_that_chance_does_not_explain_but_is_too_small_to_matter_is_none():
    drift = compare_answers(answered(60_000, 60_000, shares_now=(0.48, 0.31, 0.21), sure_now=-0.01), NAMES)
    assert drift["classes"][0]["p"] < 1e-4 and drift["probability"]["p"] < 1e-4
    assert tell_answers(drift) == []


@pytest.mark.parametrize("few", [{"num_before": FEWEST_GROUPS - 1}, {"num_now": FEWEST_GROUPS - 1}, {"num_now": 0}])
def test_of_too_few_groups_nothing_is_compared(few):
    drift = compare_answers(answered(**few), NAMES)
    assert "fewer than 20 groups" in drift["reason"]
    assert (drift["classes"], drift["probability"], tell_answers(drift)) == ([], None, [])


def test_a_reason_of_the_caller_s_wins():
    nobody = Answered(np.empty(0, bool), np.empty(0, np.int64), np.empty(0))
    assert compare_answers(nobody, NAMES, "it was not asked")["reason"] == "it was not asked"


def test_pairs_without_drift_raise_hardly_an_alarm():
    """Level 0.005, and besides a change that matters: of 200 pairs one is expected at the most."""
    alarms = [bool(tell_answers(compare_answers(answered(150, 100, seed=seed), NAMES))) for seed in range(200)]
    assert sum(alarms) <= 4
