"""The decision about a run's model: promoted where its judgement and people say so, else recorded as not promoted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.manifest import MANIFEST
from cdiscount_tasks.runs import promotion, registry
from cdiscount_tasks.runs.approval import answer_of
from cdiscount_tasks.runs.decisions import Decision, Difference, Judged, last_promotion
from cdiscount_tasks.runs.mirror import mirror
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.stages.judgement import JUDGEMENT

_LONGEST_REASON = 2000
RULE = "the rule"
"""Who decided, where nobody was asked."""


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
        "who": answer.who or "nobody" if answer else RULE,
        "answer": answer.answer if answer else "",
        "reason": _in_short(" ".join(facts["blocked"] or facts["reasons"][-1:])),
        "environment": run.environment,
    }
    if facts["promotes"] and (answer is None or answer.approved):
        expected = facts["champion"]["decision"] if facts["champion"] else None
        decision = promotion.promote(candidate, judged, expected=expected, **said)
        note_champion(candidate.sample_name, run.environment)
    else:
        now = last_promotion(registry.history(candidate.sample_name, run.environment))
        kept = now is not None and now.candidate.model == candidate.model
        number = now.number if now else None
        decision = promotion.decline(candidate, judged, expected=number, kept=kept, **said)
    mirror(candidate.sample_name, run.environment)
    return decision


def note_champion(sample_name: str, environment: Environment) -> None:
    """Note beside a sample's reports whose model is the champion, and mark it in the index of reports.

    Raises:
        ConfigError: If the reports folder is full or cannot be written.
    """
    from cdiscount_tasks.reports.folders import CHAMPION_NOTE, REPORTS_SETTING  # pages take a second
    from cdiscount_tasks.reports.overview import write_reports_index

    made = last_promotion(registry.history(sample_name, environment))
    if made is None:
        return
    folder = environment.reports_dir / sample_name
    note = {**made.candidate.model_dump(include={"report", "run_id"}), "since": made.at, "decision": made.number}
    with disk_faults_told(folder, REPORTS_SETTING):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / CHAMPION_NOTE, lambda aside: write_json(aside, note))
    write_reports_index(environment.reports_dir)


def facts_of(decision: Decision) -> dict[str, Any]:
    """Return what the event of a new champion tells."""
    candidate, judged = decision.candidate, decision.judged
    return {
        "decision": decision.number,
        "run_id": candidate.run_id,
        "preset": candidate.preset,
        "accuracy": candidate.accuracy,
        "verdict": judged.verdict,
        "difference": judged.difference.model_dump() if judged.difference else None,
        "who": decision.who,
        "report": candidate.report,
    }


def told(decision: Decision) -> str:
    """Return a decision in a line."""
    words = {
        "promoted": "is the champion now",
        "not_promoted": "does not become the champion",
        "kept": "is the champion already",
    }
    by = f" ({decision.who}{': ' + decision.answer if decision.answer else ''})"
    return f"decision {decision.number}: this model {words[decision.outcome]}{by}"
