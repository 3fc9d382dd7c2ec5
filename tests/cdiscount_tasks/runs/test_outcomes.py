"""Why a model was promoted or not is what decided last: a person's answer before the evidence that speaks for it."""

import pytest

from cdiscount_tasks.runs.approval import NO_UI, NOT_ASKED, Answer
from cdiscount_tasks.runs.decisions import Candidate, Decision, Judged
from cdiscount_tasks.runs.outcomes import NOBODY, RULE, outcome_of, reason_of, why

KEEP = "Keep the champion"
FOUND = "Look 1: the whole interval is above 0."


def facts(evidence=True, blocked=()):
    return {
        "reasons": ["Validation.", FOUND], "blocked": list(blocked), "evidence": evidence,
        "promotes": evidence and not blocked,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("judged", "answer", "reason"),
    [
        (facts(), None, FOUND),
        (facts(evidence=False), None, FOUND),
        (facts(), Answer(True, "ada", "Promote", "now"), FOUND),
        (facts(), Answer(False, "ada", KEEP, "now"), "ada answered: Keep the champion."),
        (facts(), Answer(False, "", KEEP, "now"), "Nobody answered in time."),
        (facts(), Answer(False, "", NO_UI, ""), "No person can be asked outside Airflow's UI: trigger the DAG there."),
        (facts(), Answer(False, "", NOT_ASKED, ""), f"N{NOT_ASKED[1:]}."),
        (facts(blocked=["F1."]), None, "A gate blocks it: F1."),
        (facts(blocked=["F1.", "Size."]), None, "Gates block it: F1. Size."),
        (facts(evidence=False, blocked=["F1."]), None, f"{FOUND} A gate blocks it: F1."),
    ],
)
def test_the_reason_is_what_decided(judged, answer, reason):
    assert reason_of(judged, answer) == reason


def decision(outcome="not_promoted", verdict="better", who=RULE, answer="", reason=""):
    at = dict.fromkeys(("run_id", "preset", "model", "evaluation", "labels", "sample", "report"), "x")
    candidate = Candidate(sample_name="wine", origin="file", accuracy=0.5, **at)
    judged = Judged(verdict=verdict, judgement="j", judgement_hash="h", reasons=(FOUND,))
    return Decision(
        number=1, at="now", outcome=outcome, candidate=candidate, champion=None, judged=judged, who=who, answer=answer,
        reason=reason,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (decision("promoted"), "promoted"),
        (decision("kept"), "the champion already"),
        (decision(verdict="no_evidence"), "not promoted: no evidence that it is better"),
        (decision(verdict="worse"), "not promoted: it is worse"),
        (decision(verdict="not_comparable"), "not promoted: it could not be compared"),
        (decision(reason="A gate blocks it: F1."), "not promoted: a gate blocks it"),
        (decision(verdict="no_evidence", reason="Gates block it: F1. Size."), "not promoted: a gate blocks it"),
        (decision(reason="F1 on test: 0.1, at least 0.2."), "not promoted: a gate blocks it"),  # as of an older version
        (decision(who="ada", answer=KEEP), "not promoted: refused by ada"),
        (decision(who=NOBODY, answer=KEEP), "not promoted: nobody answered in time"),
        (decision(who=NOBODY, answer=NO_UI), "not promoted: nobody was asked"),
        (decision(verdict="no_evidence", who="ada", answer=KEEP), "not promoted: refused by ada"),
    ],
)
def test_an_outcome_says_in_a_few_words_what_became_of_a_model(made, words):
    assert outcome_of(made) == words


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (decision(who=NOBODY, answer=KEEP, reason=FOUND), "Not promoted: nobody answered in time."),
        (decision(who=NOBODY, answer=KEEP, reason="Nobody answered in time."), "Nobody answered in time."),
        (decision("promoted", who="ada", answer="Promote", reason=FOUND), FOUND),
        (decision(verdict="no_evidence", reason=FOUND), FOUND),
        (decision(who="ada", answer=KEEP), ""),
    ],
)
def test_a_line_of_an_older_version_does_not_speak_for_a_model_that_was_refused(made, words):
    assert why(made) == words
