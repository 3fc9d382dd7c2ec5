"""Why a model was promoted or not, in words: for the history of a sample, and for the index of reports."""

from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.runs.approval import NO_UI, NOT_ASKED, Answer
from cdiscount_tasks.runs.decisions import Decision

RULE, NOBODY = "the rule", "nobody"
"""Who decided: the rule, where nobody was to be asked; nobody, where somebody was and did not answer."""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


_BLOCKS = ("A gate blocks it", "Gates block it")


def _blocked(sentences: tuple[str, ...]) -> str:
    return f"{_BLOCKS[len(sentences) > 1]}: {' '.join(sentences)}"


def reason_of(facts: Mapping[str, Any], answer: Answer | None) -> str:
    """Return why a judged model was promoted or was not, as a sentence: what decided last.

    Args:
        facts: What judgement.json holds.
        answer: What a person said; None: nobody was to be asked.
    """
    found, blocked = str(facts["reasons"][-1]), tuple(facts["blocked"])
    if blocked:
        return _blocked(blocked) if facts["evidence"] else f"{found} {_blocked(blocked)}"
    if not facts["promotes"] or answer is None or answer.approved:
        return found
    if answer.who:
        return f"{answer.who} answered: {answer.answer}."
    return _sentence(answer.answer) if answer.answer in (NO_UI, NOT_ASKED) else "Nobody answered in time."


_OF_VERDICT = {
    "no_evidence": "no evidence that it is better",
    "worse": "it is worse",
    "not_comparable": "it could not be compared",
}


def outcome_of(decision: Decision) -> str:
    """Return what became of a run's model, in a few words: `promoted`, `not promoted: refused by ann`."""
    if decision.outcome != "not_promoted":
        return "promoted" if decision.outcome == "promoted" else "the champion already"
    if decision.who == NOBODY:
        why = "nobody was asked" if decision.answer in (NO_UI, NOT_ASKED) else "nobody answered in time"
    elif decision.who != RULE:
        why = f"refused by {decision.who}"
    elif decision.reason.startswith(_BLOCKS):
        why = "a gate blocks it"
    else:  # a verdict that promotes by itself was kept back by a gate
        why = _OF_VERDICT.get(decision.judged.verdict, "a gate blocks it")
    return f"not promoted: {why}"


def why(decision: Decision) -> str:
    """Return the recorded reason; an older version recorded that of the verdict also where a person said no."""
    says_no = decision.outcome == "not_promoted" and decision.who != RULE
    if says_no and decision.reason and decision.reason in decision.judged.reasons:
        return _sentence(outcome_of(decision))
    return decision.reason
