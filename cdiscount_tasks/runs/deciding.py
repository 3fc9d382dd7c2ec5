"""The decision about a run's model: promoted where its judgement and people say so, else recorded as not promoted."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import change_document
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import json_text, read_json
from cdiscount_tasks.artifacts.manifest import MANIFEST
from cdiscount_tasks.pages.parts.words import percent
from cdiscount_tasks.runs import promotion, registry
from cdiscount_tasks.runs.approval import answer_of
from cdiscount_tasks.runs.decisions import (
    Decision,
    Difference,
    Entry,
    Judged,
    Promotion,
    RollBack,
    last_promotion,
    promotions,
)
from cdiscount_tasks.runs.mirror import mirror
from cdiscount_tasks.runs.outcomes import NOBODY, RULE, outcome_of, reason_of
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.stages.judgement import JUDGEMENT

_LONGEST_REASON = 2000


def _judged(run: Run, folder: Path, facts: Mapping[str, Any]) -> Judged:
    """Return what a decision keeps of a judgement."""
    first = facts["comparisons"][0] if facts["comparisons"] else None
    difference = None
    if first:
        difference = Difference(value=first["test"]["value"], low=first["low"], high=first["high"])
    elif facts["baseline"] and facts["baseline"]["value"] is not None:
        difference = Difference(**{end: facts["baseline"][end] for end in ("value", "low", "high")})
    return Judged(
        verdict=facts["verdict"],
        judgement=folder.relative_to(run.environment.work_dir).as_posix(),
        judgement_hash=hash_file(folder / MANIFEST),
        difference=difference,
        level=first and first["level"],
        look=facts["look"],
        num_products=first and first["test"]["num_products"],
        num_groups=first and first["test"]["num_groups"],
        smallest_gain=first and first["smallest_gain"],
        gates={gate["name"]: gate for gate in facts["gates"]},
        reasons=tuple(facts["reasons"]),
    )


def _in_short(reason: str) -> str:
    """Return a reason as history takes it; whole, it stands in the judgement."""
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]} [...]"


def decide(run: Run) -> Decision:
    """Promote a run's model where its judgement and people say so, else record that it was not.

    Args:
        run: Judged, and asked about where that is wanted.

    Raises:
        ChampionMovedError: If there is another champion than the one that it was judged against.
        DataError: If the model cannot be loaded, or answers differently than its evaluation recorded.
    """
    folder = run.folders()["judgement"]
    facts, answer = read_json(folder / JUDGEMENT), answer_of(run)
    candidate, judged = registry.candidate_of(run), _judged(run, folder, facts)
    said: dict[str, Any] = {
        "who": answer.who or NOBODY if answer else RULE,
        "answer": answer.answer if answer else "",
        "reason": _in_short(reason_of(facts, answer)),
        "environment": run.environment,
    }
    if facts["promotes"] and (answer is None or answer.approved):
        expected = facts["champion"]["decision"] if facts["champion"] else None
        decision = promotion.promote(candidate, judged, expected=expected, **said)
    else:
        now = last_promotion(registry.history(candidate.sample_name, run.environment))
        kept = now is not None and now.candidate.model == candidate.model
        number = now.number if now else None
        decision = promotion.decline(candidate, judged, expected=number, kept=kept, **said)
    note_decisions(candidate.sample_name, run.environment)
    mirror(candidate.sample_name, run.environment)
    return decision


def _notes(sample_name: str, environment: Environment) -> dict[str, dict[str, Any]]:
    """Return what stands beside a sample's reports, by the notes' names, from its history as it is now."""
    from cdiscount_tasks.reports.folders import CHAMPION_NOTE, DECISIONS_NOTE  # pages take a second

    entries = registry.history(sample_name, environment)
    notes: dict[str, dict[str, Any]] = {DECISIONS_NOTE: {
        Path(one.candidate.report).name: {"decision": one.number, "outcome": outcome_of(one)}
        for one in entries
        if isinstance(one, Decision)
    }}  # fmt: skip
    if made := last_promotion(entries):
        since = {"since": made.at, "decision": made.number}
        back = {"back_to": made.back_to} if isinstance(made, RollBack) else {}
        notes[CHAMPION_NOTE] = {**made.candidate.model_dump(include={"report", "run_id"}), **since, **back}
    return notes


def _note(name: str, sample_name: str, environment: Environment) -> bytes:
    return json_text(_notes(sample_name, environment)[name]).encode()


def note_decisions(sample_name: str, environment: Environment) -> None:
    """Note beside a sample's reports what was decided of each run and whose model is the champion, for their index.

    In a bucket whoever was overtaken by another machine's note reads the history again.

    Raises:
        ConfigError: If the reports folder is full or cannot be written.
    """
    from cdiscount_tasks.reports.folders import REPORTS_SETTING  # pages take a second
    from cdiscount_tasks.reports.overview import write_reports_index

    folder = environment.reports_dir / sample_name
    with disk_faults_told(folder, REPORTS_SETTING):
        folder.mkdir(parents=True, exist_ok=True)
        for name in _notes(sample_name, environment):
            change_document(folder / name, partial(_note, name, sample_name, environment))
    write_reports_index(environment.reports_dir)


def roll_back(
    sample_name: str,
    decision: int,
    *,
    who: str,
    reason: str = "",
    tried_before: bool = False,
    environment: Environment | None = None,
) -> RollBack:
    """Make an earlier champion the champion again, note it beside the reports, and mirror it.

    Args:
        sample_name: Whose.
        decision: The number of the decision, or roll back, that made it the champion.
        who: Wants it.
        reason: In a sentence.
        tried_before: Whether an earlier try, which was cut off, may have done it: then what it recorded is returned.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ConfigError: If that decision made no champion, or its model is the champion; or the disk cannot be written.
        DataError: If its model was removed, is damaged, or answers differently than its evaluation recorded.
        RuntimeError: If the model could not be loaded for now; a retry may succeed.
    """
    environment = environment or read_environment()
    done = _same_roll_back(registry.history(sample_name, environment), decision, who, reason) if tried_before else None
    entry = done or promotion.roll_back(sample_name, decision, who=who, reason=reason, environment=environment)
    note_decisions(sample_name, environment)
    mirror(sample_name, environment)
    return entry


def _same_roll_back(entries: Sequence[Entry], decision: int, who: str, reason: str) -> RollBack | None:
    """Return the last change of champion if it is this roll back."""
    now = last_promotion(entries)
    meant = {entry.number: getattr(entry, "back_to", entry.number) for entry in promotions(entries)}
    if isinstance(now, RollBack) and (now.back_to, now.who, now.reason) == (meant.get(decision), who, reason):
        return now
    return None


def champions_in_words(sample_name: str, environment: Environment | None = None) -> str:
    """Return a line for each decision that made a champion of a sample, the newest first."""
    made = promotions(registry.history(sample_name, environment))
    if not made:
        return f"{sample_name} has no champion yet"
    lines = [
        f"decision {entry.number} ({entry.at[:16].replace('T', ' ')} UTC): run {entry.candidate.run_id}, preset "
        f"{entry.candidate.preset}, {percent(entry.candidate.accuracy)} of its test products"
        for entry in reversed(made)
    ]
    return f"the champion of {sample_name} is of {lines[0]}; before it: {'; '.join(lines[1:]) or 'none'}"


def facts_of(entry: Promotion) -> dict[str, Any]:
    """Return what the event of a new champion says; after a roll back without a difference, since none was measured."""
    candidate, judged = entry.candidate, entry.judged if isinstance(entry, Decision) else None
    return {
        "decision": entry.number,
        "back_to": entry.back_to if isinstance(entry, RollBack) else None,
        "run_id": candidate.run_id,
        "preset": candidate.preset,
        "accuracy": candidate.accuracy,
        "verdict": registry.verdict_of(entry),
        "difference": judged.difference.model_dump() if judged and judged.difference else None,
        "who": entry.who,
        "report": candidate.report,
    }


def told(decision: Promotion) -> str:
    """Return a decision in a line."""
    if isinstance(decision, RollBack):
        return (
            f"decision {decision.number}: the model of decision {decision.back_to} (run {decision.candidate.run_id}) "
            f"is the champion again ({decision.who}); {decision.model.num_repeated} recorded answers were repeated"
        )
    words = {
        "promoted": "is the champion now",
        "not_promoted": "does not become the champion",
        "kept": "is the champion already",
    }
    by = f"{decision.who}{': ' + decision.answer if decision.answer else ''}"
    if decision.who == NOBODY:
        by = decision.reason.removesuffix(".")
    return f"decision {decision.number}: this model {words[decision.outcome]} ({by})"
