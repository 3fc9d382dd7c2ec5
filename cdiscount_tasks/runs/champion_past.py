"""The judgements of a run's champion so far, by the sample's history: at each it was asked about newer products."""

from collections.abc import Mapping
from pathlib import Path

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import when_finished
from cdiscount_tasks.reports.champion_figures import ChampionPast, PastJudgement, PastRefusal
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.decisions import Decision, promotions
from cdiscount_tasks.runs.outcomes import why
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.stages.judgement import JUDGEMENT


def champion_past(run: Run, at: Mapping[str, Path]) -> ChampionPast | None:
    """Return the judgements against the champion that a run was judged against, its own the last; None: no champion.

    A model that was rolled back to is the same champion: its judgements of before count.

    Args:
        run: Whose judgement.
        at: Finished artifacts; without `judgement` the run was not judged.

    Raises:
        DataError: If the judgement or the history is damaged.
    """
    champion = read_json(at["judgement"] / JUDGEMENT)["champion"] if "judgement" in at else None
    if champion is None:
        return None
    entries, root = registry.history(run.config.sample.name, run.environment), run.environment.work_dir
    made = {one.number: one for one in promotions(entries)}
    if champion["decision"] not in made:
        return None
    candidate = made[champion["decision"]].candidate
    of_model = {number: one.at for number, one in made.items() if one.candidate.model == candidate.model}
    past: dict[Path, PastJudgement] = {}
    declined = []
    for one in entries:
        if isinstance(one, Decision) and one.champion in of_model:
            folder = root / one.judged.judgement
            is_same = folder == at["judgement"]  # of an earlier run too, which brought the same model
            if is_same and one.candidate.run_id == run.config.run_id:
                break  # a report that is made again says the same
            if not is_same:
                past.setdefault(folder, PastJudgement(one.at, one.candidate.run_id, folder))
            if one.outcome == "not_promoted":
                declined.append(PastRefusal(one.at, one.candidate.run_id, one.candidate.report, why(one)))
    own = when_finished(at["judgement"]).isoformat(timespec="seconds")
    return ChampionPast(
        since=min(of_model.items())[1],
        evaluation_dir=root / candidate.evaluation,
        judgements=(*past.values(), PastJudgement(own, run.config.run_id, at["judgement"])),
        declined=tuple(declined),
    )
