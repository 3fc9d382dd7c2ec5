"""Which looks at test products a run's champion was asked at, by the sample's history."""

from collections.abc import Mapping
from pathlib import Path

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.reports.champion_figures import PastLook, PastLooks
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.decisions import Decision, Look, promotions
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.stages.judgement import JUDGEMENT


def past_looks(run: Run, at: Mapping[str, Path]) -> PastLooks | None:
    """Return the looks of the champion that a run was judged against, up to the run's decision; None: there was none.

    A model that was rolled back to is the same champion: its looks of before count.

    Args:
        run: Whose judgement.
        at: Finished artifacts; without `judgement` the run was not judged.

    Raises:
        DataError: If the judgement or the history is damaged.
    """
    facts = read_json(at["judgement"] / JUDGEMENT) if "judgement" in at else {"champion": None}
    if facts["champion"] is None:
        return None
    entries, root = registry.history(run.config.sample.name, run.environment), run.environment.work_dir
    candidates = {one.number: one.candidate for one in promotions(entries)}
    candidate = candidates.get(facts["champion"]["decision"])
    if candidate is None:
        return None
    of_model = {number for number, one in candidates.items() if one.model == candidate.model}
    decided = (one for one in entries if isinstance(one, Decision) and root / one.judged.judgement == at["judgement"])
    until = next((one.number for one in decided), len(entries) + 1)  # a report that is made again says the same
    looks = [one for one in entries if isinstance(one, Look) and one.champion in of_model and one.number < until]
    since = next(one.at for one in promotions(entries) if one.number in of_model)
    return PastLooks(
        since=since,
        labels_dir=root / candidate.labels,
        evaluation_dir=root / candidate.evaluation,
        looks=tuple(PastLook(one.at, one.look, root / one.judgement) for one in looks),
    )
