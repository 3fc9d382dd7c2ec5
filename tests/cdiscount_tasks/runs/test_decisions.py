import pytest
from pydantic import ValidationError

from cdiscount_tasks.runs.decisions import Candidate, ChampionMovedError, anchor, check_expected, entry_of, promotions
from tests.material.registry_models import judged_as

CANDIDATE = {
    "sample_name": "wine", "run_id": "a", "preset": "smoke", "report": "wine/a", "origin": "file", "accuracy": 0.5,
    **{name: f"samples/wine/{name}-0f" for name in ("model", "evaluation", "labels", "sample")},
}  # fmt: skip
MODEL = {"file_hash": "0f", "category_ids": [1, 2], "num_repeated": 256, "max_difference": 0.0}


def decision(number, outcome="promoted", champion=None, verdict="better"):
    model = MODEL if outcome == "promoted" else None
    return entry_of(
        {
            "kind": "decision", "number": number, "at": "2026-01-01T00:00:00+00:00", "outcome": outcome,
            "candidate": CANDIDATE, "champion": champion, "judged": judged_as(verdict).model_dump(), "who": "rule",
            "answer": "", "reason": "", "model": model,
        }
    )  # fmt: skip


def test_a_line_of_another_version_is_refused():
    with pytest.raises(ValidationError):
        entry_of({"kind": "decision", "number": 1, "at": "", "colour": "red"})


def test_an_evaluation_is_known_by_its_name():
    assert Candidate(**CANDIDATE).evaluation_name == "evaluation-0f"


def test_only_promotions_and_roll_backs_make_a_champion():
    lines = [decision(1), decision(2, "not_promoted", 1), decision(3, "kept", 1), decision(4, "promoted", 1)]
    assert [entry.number for entry in promotions(lines)] == [1, 4]


def back_to(number, decision, champion):
    return entry_of(
        {
            "kind": "roll_back", "number": number, "at": "", "back_to": decision, "candidate": CANDIDATE,
            "champion": champion, "verdict": "better", "who": "ann", "reason": "", "model": MODEL,
        }
    )  # fmt: skip


A = decision(1, verdict="first")
WORSE = decision(2, champion=1, verdict="not_worse")


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([], None),
        ([decision(1, "not_promoted")], None),
        ([A], 1),
        ([A, WORSE], 1),
        ([A, WORSE, decision(3, champion=2, verdict="not_worse")], 1),
        ([A, WORSE, decision(3, champion=2)], 3),
        ([A, decision(2, champion=1), back_to(3, 1, 2)], 1),
        ([A, decision(2, champion=1), back_to(3, 1, 2), decision(4, champion=3, verdict="not_worse")], 1),
        ([A, WORSE, decision(3, champion=2), back_to(4, 2, 3)], 1),
    ],
)
def test_the_anchor_is_what_was_promoted_on_evidence_and_not_rolled_back_from(lines, number):
    found = anchor(lines)
    assert (found and found.number) == number


def test_a_figure_that_is_no_number_is_refused():
    with pytest.raises(ValidationError):
        judged_as(level=float("nan"))


@pytest.mark.parametrize(
    ("lines", "expected", "words"),
    [
        ([decision(1)], None, r"that of decision 1 \(run a, 2026.*\), expected no champion"),
        ([], 1, "that of no champion, expected decision 1"),
        ([decision(1), decision(2, champion=1)], 1, "that of decision 2 .*, expected decision 1"),
    ],
)
def test_what_was_judged_against_another_champion_is_refused(lines, expected, words):
    with pytest.raises(ChampionMovedError, match=f"{words}, which .* the champion stays; judge the challenger again"):
        check_expected("wine", lines, expected)


def test_a_line_that_made_no_champion_changes_nothing_for_a_challenger():
    check_expected("wine", [decision(1), decision(2, "not_promoted", 1)], 1)
    check_expected("wine", [decision(1, "not_promoted")], None)
