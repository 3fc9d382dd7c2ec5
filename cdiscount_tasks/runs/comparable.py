"""Which runs are put side by side, and whether they may be: of one preset, one network and one catalogue."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.finished import finished_runs
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.settings.comparison import DEFAULT_SAMPLES, RandomChoicesConfig
from cdiscount_tasks.settings.environment import Environment, check_folders, read_environment
from cdiscount_tasks.settings.sample_folder import sample_names
from cdiscount_tasks.settings.sentences import all_sentences, close_names, in_short
from cdiscount_tasks.settings.training import knobs_in_effect

_MAY_DIFFER = {"seed", "gpus", "seeds"}
"""Knobs of the training that runs may have set differently."""


class NotComparableError(ConfigError):
    """Runs that may not be put side by side; its text has every reason."""


class ChosenComparison(NamedTuple):
    """What a comparison compares: a run of each sample, and how random choices are drawn."""

    runs: tuple[Run, ...]
    random_choices: RandomChoicesConfig


def _choose_run(environment: Environment, sample_name: str, wanted: str | None) -> Run:
    """Return a sample's last finished run, or the one that is asked for by its id or its folder."""
    runs = finished_runs(environment, sample_name)
    if wanted is not None:
        runs = [run for run in runs if wanted in (run.config.run_id, run.run_dir.name)]
    if not runs:
        which = f"run {wanted!r} that is finished" if wanted is not None else "finished run"
        raise NotComparableError(
            f"sample {sample_name} has no {which} in {environment.reports_dir / sample_name}: trigger "
            f"cdiscount_{sample_name}, and compare again"
        )
    return runs[-1]


def _choose_runs(environment: Environment, samples: Sequence[str], asked: Mapping[str, str]) -> tuple[Run, ...]:
    """Return a run of each sample; of all that have none the error tells."""
    chosen, missing = [], []
    for sample in samples:
        try:
            chosen.append(_choose_run(environment, sample, asked.get(sample)))
        except NotComparableError as error:
            missing.append(str(error))
    if missing:
        raise NotComparableError("; ".join(missing))
    return tuple(chosen)


def _catalogue_id(run: Run) -> str:
    return str(run.recorded()["index"]["catalogue_id"])


def _named(run: Run) -> str:
    return f"{run.config.sample.name} (run {run.config.run_id})"


def _recipe_of(run: Run) -> dict[str, Any]:
    """Return how a run was trained: of a search not what it chose, which each sample does for itself."""
    training = run.config.training
    search = training.search.model_dump_json() if training.search else None
    return {**knobs_in_effect(training), "search": search, "stopped_after_epoch": run.stopped_after_epoch}


def reasons_against(runs: Sequence[Run]) -> list[str]:
    """Say why runs may not be compared: another preset, network or setting of it, or another catalogue.

    Returns:
        Sentences, each with what differs and what to do; empty: they may.
    """
    first, reasons = runs[0], []
    for run in runs[1:]:
        preset = first.config.preset
        again = f"trigger cdiscount_{run.config.sample.name} with preset {preset}"
        if run.config.preset != preset:
            reasons.append(
                f"{_named(first)} has preset {preset}, {_named(run)} has preset {run.config.preset}: {again}"
            )
        # A training that was stopped is none of its preset's epochs, as one with a knob of its own is not.
        one, other = (_recipe_of(each) for each in (first, run))
        knobs = [knob for knob in one if knob not in _MAY_DIFFER and one[knob] != other[knob]]
        if knobs:
            told = ", ".join(f"{knob} {one[knob]} and {other[knob]}" for knob in knobs)
            reasons.append(f"{_named(first)} and {_named(run)} were trained with {told}: {again} and the same settings")
        if _catalogue_id(first) != _catalogue_id(run):
            reasons.append(
                f"{_named(first)} is of catalogue {_catalogue_id(first)}, {_named(run)} of {_catalogue_id(run)}: "
                f"trigger the DAG of the one whose catalogue is not the present one"
            )
    return reasons


def _standing_alternative(environment: Environment, samples: Sequence[str]) -> str:
    """Name runs that could be compared instead: those of the newest preset that all samples have."""
    by_sample = [finished_runs(environment, sample) for sample in samples]
    for first in reversed(by_sample[0]):
        chosen = [first]
        for runs in by_sample[1:]:
            fitting = [run for run in runs if not reasons_against([first, run])]
            chosen += fitting[-1:]
        if len(chosen) == len(samples):
            runs_text = json.dumps({run.config.sample.name: run.config.run_id for run in chosen})
            return f"; or compare runs that stand, with the param runs: {runs_text}"
    return ""


def _check_samples(environment: Environment, samples: Any) -> None:
    if isinstance(samples, str) or not isinstance(samples, Sequence):
        raise ConfigError(f'samples is {in_short(samples)}, expected a list such as ["wine", "mixed_bag"]')
    known = sample_names(environment.samples_dir)
    unknown = [sample for sample in samples if sample not in known]
    if unknown:
        close = close_names(str(unknown[0]), known)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"samples has {', '.join(map(in_short, unknown))}, expected some of {', '.join(known)}{hint}")
    if len(set(samples)) != len(samples) or len(samples) < 2:
        raise ConfigError(f"samples is {list(samples)}, expected two different samples or more")


def _check_runs(runs: Any, samples: Sequence[str]) -> dict[str, str]:
    """Return the run that is asked for, by sample."""
    if runs is None:
        return {}
    if not isinstance(runs, Mapping):
        raise ConfigError(
            f'runs is {in_short(runs)}, expected run ids by sample such as {{"wine": "manual__2026-01-01"}}'
        )
    if stray := sorted(str(name) for name in runs if name not in samples):
        raise ConfigError(f"runs names {', '.join(stray)}, which samples does not; expected some of {list(samples)}")
    for name, run_id in runs.items():
        if not isinstance(run_id, str):
            raise ConfigError(f"runs.{name} is {in_short(run_id)}, expected the id of a run as text")
    return dict(runs)


def choose_comparison(samples: Any = DEFAULT_SAMPLES, runs: Any = None, random_choices: Any = None) -> ChosenComparison:
    """Choose the runs that a comparison compares; writes nothing.

    Args:
        samples: Their names, in the order of the page.
        runs: The run of a sample, by its id or its folder; of a sample that is not named, the last finished one.
        random_choices: Settings of RandomChoicesConfig; what it leaves out keeps its default.

    Raises:
        ConfigError: If a setting is wrong.
        NotComparableError: If a sample has no finished run, or the runs may not be compared; with every reason.
    """
    environment = read_environment()
    bring_up_to_date(environment)
    check_folders(environment)
    _check_samples(environment, samples)
    asked = _check_runs(runs, samples)
    try:
        random_choices_config = RandomChoicesConfig.model_validate(dict(random_choices or {}))
    except ValidationError as error:
        raise ConfigError(f"comparison: {all_sentences(error, RandomChoicesConfig)}") from error
    chosen = _choose_runs(environment, samples, asked)
    if reasons := reasons_against(chosen):
        raise NotComparableError("; ".join(reasons) + _standing_alternative(environment, samples))
    return ChosenComparison(chosen, random_choices_config)
