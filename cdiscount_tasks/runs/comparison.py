"""Comparisons of samples: which runs are put side by side, whether they may be, and where all of it stands."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import xxhash
from pydantic import ValidationError

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.notes import note_result, noted_folders
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.machine.backbones import Backbone, why_no_backbone
from cdiscount_tasks.runs.finished import finished_runs
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.run import Run, open_run
from cdiscount_tasks.settings.comparison import (
    DEFAULT_SAMPLES,
    ChosenRun,
    ComparisonConfig,
    ComparisonNotes,
    RandomChoicesConfig,
)
from cdiscount_tasks.settings.environment import Environment, check_folders, read_environment
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.settings.sample_folder import sample_names
from cdiscount_tasks.settings.sentences import close_names, first_sentence, in_short
from cdiscount_tasks.stages.inputs import ComparedRun, PooledDraw

logger = logging.getLogger(__name__)

_MAY_DIFFER = {"seed", "gpus"}
_LONGEST_NAMES = 100
_NOTES = "notes.json"

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


class NotComparableError(ConfigError):
    """Runs that may not be put side by side; its text has every reason."""


def comparison_folder(samples: Sequence[str]) -> str:
    """Return the folder name of a comparison: as much of the names as a folder's name holds, and a hash of them all.

    The names are for people; which samples it compares is read from its manifest.
    """
    digest = xxhash.xxh3_128_hexdigest(json.dumps(list(samples)).encode())[:16]
    return f"{'-'.join(samples)[:_LONGEST_NAMES]}-{digest}"


class ChosenComparison(NamedTuple):
    """What a comparison compares: a run of each sample, and how random choices are drawn."""

    runs: tuple[Run, ...]
    random_choices: RandomChoicesConfig


@dataclass(frozen=True)
class Comparison:
    """A comparison whose config is frozen, and the runs that it compares.

    Attributes:
        comparison_dir: Holds config.json and artifacts.json.
        config: What is compared.
        environment: Where things lie on this machine.
        runs: In the order of the config.
    """

    comparison_dir: Path
    config: ComparisonConfig
    environment: Environment
    runs: tuple[Run, ...]

    @property
    def artifacts_dir(self) -> Path:
        """Return the folder of the pooled draws' artifacts."""
        return self.comparison_dir.parents[1]

    @property
    def out_dir(self) -> Path:
        """Return where the comparison of these samples stands, whichever of their runs it compares."""
        folder = comparison_folder([run.config.sample.name for run in self.runs])
        return self.environment.reports_dir / "comparison" / folder

    @property
    def catalogue_path(self) -> Path:
        """Return the BSON file that the runs' samples were drawn from."""
        return self.runs[0].catalogue_path

    @property
    def index_dir(self) -> Path:
        """Return the index of the catalogue that all runs share."""
        return self.runs[0].folders()["index"]

    @property
    def names_path(self) -> Path | None:
        """Return the names CSV as it was when the first run started."""
        return self.runs[0].label_files.names_path

    @property
    def backbone(self) -> Backbone | None:
        """Return what all features are made with; None: this machine has no weights to use."""
        return self.runs[0].backbone

    @property
    def no_backbone(self) -> str:
        """Return why there is no backbone, as a sentence without its stop."""
        return why_no_backbone(self.environment.weights_dir)

    @property
    def compared(self) -> list[ComparedRun]:
        """Return where what the runs left stands, in order."""
        folders = self.folders()
        return [_compared_run(run, folders.get(f"features_{run.config.sample.name}")) for run in self.runs]

    def compared_of(self, sample_name: str) -> ComparedRun:
        """Return where what a sample's run left stands."""
        return next(run for run in self.compared if run.sample == sample_name)

    def draw_config(self, category_ids: Sequence[int]) -> DrawConfig:
        """Return how the pooled draw takes some products of each category."""
        return DrawConfig(
            categories=tuple(sorted(category_ids)),
            max_products_per_category=self.config.random_choices.products_per_category,
            seed=self.config.random_choices.seed,
        )

    def label_config(self) -> LabelConfig:
        """Return how the pooled draw's pictures are tied into groups; its splits are not used."""
        drawn = read_manifest(self.folders()["pooled_sample"])["config"]
        return LabelConfig(
            categories=tuple(drawn["categories"]), seed=drawn["seed"], near_duplicates="off", small_classes="reject"
        )

    @property
    def pooled_draw(self) -> PooledDraw:
        """Return where the pooled draw's artifacts stand, once they were made."""
        folders = self.folders()
        return PooledDraw(*(folders[f"pooled_{step}"] for step in ("sample", "labels", "features")))

    @property
    def notes(self) -> ComparisonNotes:
        """Return what was noted for the page so far."""
        path = self.comparison_dir / _NOTES
        if not path.exists():
            return ComparisonNotes()
        try:
            return ComparisonNotes.model_validate_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: is damaged ({error}); trigger a new comparison") from error

    def note(self, **sentences: Any) -> str:
        """Note for the page why something was not made or lacks a part; return the sentence that was given."""
        with lock(self.comparison_dir / f".{_NOTES}.lock", _NOTES):
            notes = ComparisonNotes.model_validate({**self.notes.model_dump(), **sentences})
            replace_file(self.comparison_dir / _NOTES, lambda aside: write_json(aside, notes.model_dump(mode="json")))
        return "; ".join(str(sentence) for sentence in sentences.values())

    def record(self, step: str, result: ResultT) -> ResultT:
        """Note in artifacts.json what a task used or made, and return it."""
        note_result(self.comparison_dir, self.environment.work_dir, step, result)
        return result

    def folders(self) -> dict[str, Path]:
        """Return where the artifacts are that were used or made so far, by step."""
        return noted_folders(self.comparison_dir, self.environment.work_dir)


def _compared_run(run: Run, features_dir: Path | None) -> ComparedRun:
    at = run.folders()
    return ComparedRun(
        sample=run.config.sample.name,
        title=run.config.sample.title,
        run_id=run.config.run_id,
        sample_dir=at["sample"],
        labels_dir=at["labels"],
        evaluation_dir=at["evaluation"],
        report_dir=at["report"],
        features_dir=features_dir,
    )


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
        one, other = first.config.training.model_dump(), run.config.training.model_dump()
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
    check_folders(environment)
    _check_samples(environment, samples)
    asked = _check_runs(runs, samples)
    try:
        random_choices_config = RandomChoicesConfig.model_validate(dict(random_choices or {}))
    except ValidationError as error:
        raise ConfigError(f"comparison: {first_sentence(error, RandomChoicesConfig)}") from error
    chosen = _choose_runs(environment, samples, asked)
    if reasons := reasons_against(chosen):
        raise NotComparableError("; ".join(reasons) + _standing_alternative(environment, samples))
    return ChosenComparison(chosen, random_choices_config)


def start_comparison(
    run_id: str,
    samples: Sequence[str] = DEFAULT_SAMPLES,
    runs: Mapping[str, str] | None = None,
    random_choices: Mapping[str, Any] | None = None,
) -> Comparison:
    """Freeze which runs are compared, or open the comparison if that is frozen: a retry compares the same.

    Args:
        run_id: Airflow's, any text.
        samples: Their names, in the order of the page.
        runs: The run of a sample, by its id or its folder; of a sample that is not named, the last finished one.
        random_choices: Settings of RandomChoicesConfig; what it leaves out keeps its default.

    Raises:
        ConfigError: If a setting is wrong.
        NotComparableError: If a sample has no finished run, or the runs may not be compared; with every reason.
    """
    environment = read_environment()
    comparison_dir = environment.work_dir / "comparison" / "runs" / run_folder(run_id)
    if (comparison_dir / "config.json").exists():
        return open_comparison(run_id)
    chosen, random_choices_config = choose_comparison(samples, runs, random_choices)
    config = ComparisonConfig(
        run_id=run_id,
        runs=tuple(ChosenRun(sample=run.config.sample.name, run_id=run.config.run_id) for run in chosen),
        random_choices=random_choices_config,
    )
    with disk_faults_told(comparison_dir):
        comparison_dir.mkdir(parents=True, exist_ok=True)
        replace_file(comparison_dir / "config.json", lambda aside: write_json(aside, config.model_dump(mode="json")))
    logger.info("this comparison's config, frozen in %s:", comparison_dir / "config.json")
    for run in config.runs:
        logger.info("%s: run %s", run.sample, run.run_id)
    logger.info("at large: %d products of each category", config.random_choices.products_per_category)
    return Comparison(comparison_dir, config, environment, chosen)


def open_comparison(run_id: str) -> Comparison:
    """Open a comparison that `start_comparison` began.

    Raises:
        DataError: If its config.json, or that of a run, is missing or damaged.
    """
    environment = read_environment()
    comparison_dir = environment.work_dir / "comparison" / "runs" / run_folder(run_id)
    path = comparison_dir / "config.json"
    try:
        config = ComparisonConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no frozen config; clear the task resolve_comparison first") from error
    except ValueError as error:
        raise DataError(f"{path}: is damaged or of another version: {error}; trigger a new comparison") from error
    runs = tuple(open_run(chosen.sample, chosen.run_id) for chosen in config.runs)
    return Comparison(comparison_dir, config, environment, runs)
