import pytest

from cdiscount_tasks.learning.measuring.gates import GateFacts, asks_speed, judge_gates
from cdiscount_tasks.settings.promotion import Gates

FACTS = GateFacts(
    macro_f1=0.7, calibration_error=0.05, evidence=True, has_champion=True, speed=0.5, size=2.0, fallen=()
)
ALL = {"least_macro_f1": 0.6, "most_calibration_error": 0.1, "least_speed": 0.5, "most_size": 2.0}
NAMES = ["least_macro_f1", "most_calibration_error", "least_speed", "most_size", "no_class_falls"]


def gate(name, facts=FACTS, **rules):
    return {one.name: one for one in judge_gates(Gates(**rules), facts)}[name]


def test_every_gate_is_shown_and_those_that_ask_for_nothing_pass():
    found = judge_gates(Gates(), FACTS)
    assert [one.name for one in found] == NAMES
    assert all(one.passes for one in found)
    assert [one.limit for one in found] == [None, None, None, None, True]
    assert found[0].sentence == "Macro F1 on test: 0.7; nothing is asked for."


def test_a_value_at_its_limit_passes():
    assert all(one.passes for one in judge_gates(Gates(**{**ALL, "least_macro_f1": 0.7}), FACTS))


@pytest.mark.parametrize(("name", "limit", "sentence"), [
    ("least_macro_f1", 0.71, "Macro F1 on test: 0.7, at least 0.71."),
    ("most_calibration_error", 0.04, "Calibration error on test: 0.05, at most 0.04."),
    ("least_speed", 0.6, "Speed: 0.5 times as high as the champion's, at least 0.6."),
    ("most_size", 1.5, "The model's file: 2 times as large as the champion's, at most 1.5."),
])  # fmt: skip
def test_a_gate_that_is_not_passed_says_what_was_asked_for_and_found(name, limit, sentence):
    found = gate(name, **{name: limit})
    assert not found.passes
    assert (found.limit, found.sentence) == (limit, sentence)


@pytest.mark.parametrize(("name", "unknown"), [
    ("least_macro_f1", {"macro_f1": None}), ("most_calibration_error", {"calibration_error": None}),
    ("least_speed", {"speed": None}), ("most_size", {"size": None}),
])  # fmt: skip
def test_what_is_not_known_blocks_where_something_is_asked_for(name, unknown):
    facts = FACTS._replace(**unknown)
    assert not gate(name, facts, **{name: ALL[name]}).passes
    assert "not known" in gate(name, facts, **{name: ALL[name]}).sentence
    assert gate(name, facts).passes


@pytest.mark.parametrize(("rules", "facts", "why"), [
    ({}, {}, "nothing is asked for"), ({"least_speed": 9.0}, {"evidence": False}, "the evidence does not promote"),
])  # fmt: skip
def test_a_speed_that_decides_nothing_is_not_measured_and_blocks_nothing(rules, facts, why):
    asked = {"evidence": facts.get("evidence", True), "has_champion": True}
    assert not asks_speed(Gates(**rules), **asked)
    found = gate("least_speed", FACTS._replace(speed=None, **facts), **rules)
    assert (found.passes, found.limit, found.value) == (True, None, None)
    assert f"not measured; {why}" in found.sentence


def test_the_speed_is_asked_for_where_it_can_keep_a_model_from_its_promotion():
    assert asks_speed(Gates(least_speed=1), evidence=True, has_champion=True)
    assert not asks_speed(Gates(least_speed=1), evidence=True, has_champion=False)


def test_without_a_champion_nothing_is_compared_with_one():
    found = judge_gates(Gates(**ALL), FACTS._replace(has_champion=False, fallen=None))
    assert [one.name for one in found] == NAMES[:2]


def test_classes_that_have_fallen_block_and_are_named():
    facts = FACTS._replace(fallen=("VIN ROUGE", "CHAMPAGNE"))
    found = gate("no_class_falls", facts)
    assert (found.passes, found.value, found.limit) == (False, 2.0, True)
    assert found.sentence.endswith("than by the champion: VIN ROUGE, CHAMPAGNE.")
    assert gate("no_class_falls", facts, no_class_falls=False).passes


def test_of_many_classes_that_have_fallen_the_first_are_named():
    facts = FACTS._replace(fallen=[f"CLASS {number}" for number in range(300)])
    assert gate("no_class_falls", facts).sentence.endswith(": " + ", ".join(facts.fallen[:10]) + " and 290 more.")


def test_classes_that_were_not_looked_at_are_no_gate():
    assert [one.name for one in judge_gates(Gates(), FACTS._replace(fallen=None))] == NAMES[:4]


def test_a_file_of_the_same_size_is_as_large_as_the_champions():
    same = FACTS._replace(size=1.0)
    assert gate("most_size", same).sentence == "The model's file: as large as the champion's; nothing is asked for."
