"""Which model a predictions run asks: the champion, or that of a finished run."""

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.decisions import Candidate, last_promotion
from cdiscount_tasks.runs.finished import finished_runs
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.predictions import CHAMPION, AskedModel


def _asked_of(candidate: Candidate, decision: int | None, since: str | None) -> AskedModel:
    facts = candidate.model_dump(include=set(AskedModel.model_fields) - {"decision", "since"})
    return AskedModel(**facts, decision=decision, since=since)


def _the_champion(sample_name: str, environment: Environment) -> AskedModel:
    """Return the champion; its files are compared with their hashes."""
    if registry.champion(sample_name, environment) is None:
        raise ConfigError(
            f"sample {sample_name} has no champion yet; run it (`make run SAMPLE={sample_name}`), or name the run "
            "whose model is to be asked"
        )
    made = last_promotion(registry.history(sample_name, environment))
    assert made is not None
    return _asked_of(made.candidate, made.number, made.at)


def _the_model_of(sample_name: str, wanted: str, environment: Environment) -> AskedModel:
    """Return the model of a finished run, which is asked for by its id or its folder."""
    runs = finished_runs(environment, sample_name)
    for run in runs:
        if wanted in (run.config.run_id, run.run_dir.name):
            candidate = registry.candidate_of(run)
            registry.check_model(environment.work_dir, candidate, None)
            return _asked_of(candidate, None, None)
    known = ", ".join(run.config.run_id for run in runs[-3:]) or "none"
    raise ConfigError(
        f"sample {sample_name} has no finished run {wanted!r}; expected `{CHAMPION}`, or the id of a run (the last: "
        f"{known})"
    )


def asked_model(sample_name: str, wanted: str, environment: Environment) -> AskedModel:
    """Find the model that is asked for.

    Args:
        sample_name: Of the sample that it learnt.
        wanted: `champion`, or the id or folder of a finished run.
        environment: Where the registry and the runs are.

    Raises:
        ConfigError: If there is no such model.
        DataError: If the registry or the model is damaged.
    """
    if wanted == CHAMPION:
        return _the_champion(sample_name, environment)
    return _the_model_of(sample_name, wanted, environment)
