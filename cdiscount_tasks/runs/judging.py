"""The judgement of a run's model: against whom, at which look, and what the registry records of it before and after."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import looks, registry
from cdiscount_tasks.runs.decisions import (
    Candidate,
    Entry,
    Look,
    Promotion,
    RollBack,
    anchor,
    last_promotion,
    promotions,
)
from cdiscount_tasks.runs.run import Run, open_run
from cdiscount_tasks.runs.speed import compare_speeds
from cdiscount_tasks.stages import evaluation
from cdiscount_tasks.stages.inputs import CatalogueSide, JudgedModel, Opponent, TheLook
from cdiscount_tasks.stages.judgement import (
    JudgementResult,
    check_answers,
    has_categories_of,
    judge_model,
    judgement_recipe,
    reasons_against,
    screen_model,
)
from cdiscount_tasks.stages.sample import check_sample

logger = logging.getLogger(__name__)

Folders = Mapping[str, Path]
_RUN_AGAIN = "remove its folder and run again"


class _Sides(NamedTuple):
    """Who is compared with whom; `reasons`: why they cannot be."""

    challenger: JudgedModel
    opponent: Opponent | None
    reasons: tuple[str, ...]


def _asked(run: Run, at: Folders, candidate: Candidate) -> JudgedModel:
    """Return an earlier model with its answers to this run's products, which it is asked for where they are others.

    A model of other categories keeps the answers that it gave: it is compared on the products of then.
    """
    model = _as_recorded(run, candidate)
    if model.labels_dir == at["labels"] or not has_categories_of(model.model_dir, at["labels"]):
        return model
    found = evaluation.evaluate_model(at["sample"], at["labels"], model.model_dir, run.artifacts_dir)
    return model._replace(evaluation_dir=Path(found["path"]))


def _reasons(at: Folders, candidate: Candidate, challenger: JudgedModel, champion: JudgedModel) -> tuple[str, ...]:
    """Return why this run's model and the champion cannot be compared; empty: they can."""
    origin, reasons = read_manifest(at["index"])["result"]["origin"], []
    if origin != candidate.origin:
        kinds = {"drawn": "drawn pictures", "file": "pictures of products"}
        reasons.append(
            f"This model learnt from {kinds[origin]}, the champion from {kinds[candidate.origin]}: such models are "
            "never compared."
        )
    return (*reasons, *reasons_against(challenger, champion))


def _as_recorded(run: Run, candidate: Candidate) -> JudgedModel:
    root = run.environment.work_dir
    return JudgedModel(*(root / part for part in (candidate.labels, candidate.model, candidate.evaluation)))


def _described(made: Sequence[Promotion]) -> dict[str, Any]:
    """Return what pages say of the champion, and of those before it."""
    candidate = made[-1].candidate
    champions = [
        {
            "decision": one.number,
            "at": one.at,
            "run_id": one.candidate.run_id,
            "report": one.candidate.report,
            "accuracy": one.candidate.accuracy,
            "verdict": registry.verdict_of(one),
            "back_to": one.back_to if isinstance(one, RollBack) else None,
            "who": one.who,
        }
        for one in made
    ]
    facts = candidate.model_dump(include={"run_id", "preset", "report", "accuracy"})
    return {**facts, "since": made[-1].at, "champions": champions}


def _anchor(run: Run, at: Folders, made: Sequence[Promotion]) -> JudgedModel | None:
    """Return the last champion that was promoted on evidence of its own, where it matters and is not the champion."""
    if run.config.sample.promotion.promote_when == "better":
        return None
    found = anchor(made)
    return None if found is None or found.candidate == made[-1].candidate else _asked(run, at, found.candidate)


def _why_unusable(run: Run, made: Promotion, error: DataError) -> str:
    """Say what keeps a champion from being used, and what to do; a report names no place of this machine."""
    which = f"(decision {made.number}, run {made.candidate.run_id}) cannot be used: "
    told = str(error).removeprefix(f"the champion of {run.config.sample.name} {which}")
    told = told.replace(f"{run.environment.work_dir}/", "")
    if told.startswith(made.candidate.evaluation) and told.endswith(_RUN_AGAIN):  # this run would not make them again
        task = f"the task evaluate_model of run {made.candidate.run_id}, whose model is whole"
        told = f"{told.removesuffix(_RUN_AGAIN)}remove that folder and clear {task}"
    return f"{which}{told}"


def _sides(run: Run, at: Folders) -> _Sides:
    """Find the champion and ask it; one that cannot be used is a reason, and keeps no run from its report."""
    challenger = JudgedModel(at["labels"], at["model"], at["evaluation"])
    name = run.config.sample.name
    made = promotions(registry.history(name, run.environment))
    if not made:
        return _Sides(challenger, None, ())
    candidate, number = made[-1].candidate, made[-1].number
    try:
        registry.champion(name, run.environment)  # whole, and the one that was promoted
        recorded = _as_recorded(run, candidate)
        reasons = _reasons(at, candidate, challenger, recorded)
        if reasons:
            opponent = Opponent(recorded, None, number, _described(made))
        else:
            opponent = Opponent(_asked(run, at, candidate), _anchor(run, at, made), number, _described(made))
        check_answers(opponent)
    except DataError as error:
        told = _why_unusable(run, made[-1], error)
        logger.warning("the champion of %s %s; until then no model can take its place", name, told)
        return _Sides(challenger, None, (f"The champion {told}.",))
    return _Sides(challenger, opponent, reasons)


def ask_ahead(run: Run, at: Folders) -> None:
    """Ask the champion about this run's products, where they are others: here it may use a GPU, at the judgement not.

    Args:
        run: Whose products.
        at: Finished artifacts: index, sample, labels, model, evaluation.
    """
    _sides(run, at)


def _the_look(run: Run, entries: Sequence[Entry], number: int) -> TheLook:
    before = [entry for entry in entries if isinstance(entry, Look) and entry.look < number]
    return TheLook(number, tuple(run.environment.work_dir / entry.judgement for entry in before))


def _recipe(run: Run, sides: _Sides, look: TheLook | None) -> Recipe:
    return judgement_recipe(sides.challenger, sides.opponent, look, sides.reasons, run.config.sample.promotion)


def _screened(run: Run, sides: _Sides) -> bool:
    if sides.opponent is None or sides.reasons:
        return False
    return screen_model(sides.challenger, sides.opponent, run.config.sample.promotion).passes


def recipe_of(run: Run, at: Folders) -> Recipe:
    """Return what would decide the judgement, were it made now; records nothing."""
    sides = _sides(run, at)
    if not _screened(run, sides):
        return _recipe(run, sides, None)
    entries = registry.history(run.config.sample.name, run.environment)
    number = looks.next_look(entries, at["evaluation"].name).number
    return _recipe(run, sides, _the_look(run, entries, number))


def judge_run(run: Run, at: Folders) -> JudgementResult:
    """Judge a run's model against the champion of now; a look at test products is recorded before they are looked at.

    Args:
        run: Whose model.
        at: Finished artifacts: index, sample, labels, model, evaluation.

    Raises:
        DataError: If the registry or an artifact of the run is damaged.
    """
    sides, name = _sides(run, at), run.config.sample.name
    look = None
    if sides.opponent is not None and _screened(run, sides):
        entries = registry.history(name, run.environment)

        def place(number: int) -> str:
            folder = _recipe(run, sides, _the_look(run, entries, number)).dir_in(run.artifacts_dir)
            return folder.relative_to(run.environment.work_dir).as_posix()

        recorded = looks.record_look(
            name,
            at["evaluation"].name,
            sides.opponent.decision,
            place,
            {"challenger": at["evaluation"].name, "champion": sides.opponent.champion.evaluation_dir.name},
            run.environment,
        )
        look = _the_look(run, registry.history(name, run.environment), recorded.look)
    config = run.config.sample.promotion
    inputs = sides.challenger, sides.opponent, look, sides.reasons
    return judge_model(*inputs, run.artifacts_dir, config, compare_speeds)


def reason_without_champion(run: Run) -> str | None:
    """Return why there is no champion that a run's data could be compared with; None: there is one."""
    name = run.config.sample.name
    try:
        found = last_promotion(registry.history(name, run.environment))
        champion = registry.champion(name, run.environment) if found else None
        if champion is None:  # whose YAML may have been removed meanwhile
            return f"{name} has no champion yet"
        read_manifest(champion.labels_dir)
        check_sample(champion.sample_dir)
    except DataError as error:
        return str(error)
    return None


def _is_whole(artifact_dir: Path) -> bool:
    try:
        read_manifest(artifact_dir)
    except DataError:
        return False
    return True


def drift_sides(run: Run, at: Folders) -> tuple[CatalogueSide, CatalogueSide]:
    """Return what is compared for drift: this run's data, and what the champion learnt from.

    What the champion answers to this run's products is there once it was asked ahead, by the step `evaluation`.
    """
    root = run.environment.work_dir
    candidate = promotions(registry.history(run.config.sample.name, run.environment))[-1].candidate
    try:
        features = open_run(candidate.sample_name, candidate.run_id).folders().get("features")
    except DataError:
        features = None  # that run's folder was removed
    if features is not None and not features.is_dir():
        features = None
    asked = evaluation.evaluation_recipe(at["sample"], at["labels"], root / candidate.model).dir_in(run.artifacts_dir)
    answers = [folder if _is_whole(folder) else None for folder in (asked, root / candidate.evaluation)]
    now = CatalogueSide(at["sample"], at["labels"], at.get("features"), answers[0])
    return now, CatalogueSide(root / candidate.sample, root / candidate.labels, features, answers[1])


def champion_sample_dir(run: Run) -> Path | None:
    """Return where the pictures are that the champion learnt from; None: there is no champion."""
    found = last_promotion(registry.history(run.config.sample.name, run.environment))
    return run.environment.work_dir / found.candidate.sample if found else None
