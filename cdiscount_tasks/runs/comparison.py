"""A comparison of samples: its frozen config, the runs that it compares, and what its steps have made and noted."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import xxhash

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import change_document, create_document, pull
from cdiscount_tasks.artifacts.json_files import json_text
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.notes import note_result, noted_folders
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.backbones import Backbone, backbone_of, tell_reference
from cdiscount_tasks.runs.comparable import choose_comparison
from cdiscount_tasks.runs.folders import environment_of_run, run_folder
from cdiscount_tasks.runs.lineage import frozen_versions
from cdiscount_tasks.runs.run import Run, open_run
from cdiscount_tasks.runs.workers import began_here, check_worker, frozen_backbone, not_here
from cdiscount_tasks.settings.comparison import (
    DEFAULT_SAMPLES,
    ChosenRun,
    ComparisonConfig,
    ComparisonNotes,
)
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.stages.inputs import ComparedRun, PooledDraw

logger = logging.getLogger(__name__)

_LONGEST_NAMES = 100
_NOTES = "notes.json"

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


def comparison_folder(samples: Sequence[str]) -> str:
    """Return the folder name of a comparison: as much of the names as a folder's name holds, and a hash of them all.

    The names are for people; which samples it compares is read from its manifest.
    """
    digest = xxhash.xxh3_128_hexdigest(json.dumps(list(samples)).encode())[:16]
    return f"{'-'.join(samples)[:_LONGEST_NAMES]}-{digest}"


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
    def catalogue_path(self) -> Place:
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
        """Return what looks at all pictures, as the first task chose; None: the descriptor does."""
        return frozen_backbone(self.config.began_on, self.runs[0].config.training, self.environment)

    def check_worker(self, *, by_network: bool = False) -> None:
        """Refuse this machine where it is not like the one that the comparison began on; see `runs/workers.py`."""
        began, versions = self.config.began_on, self.config.versions
        check_worker(began, versions, self.environment, self.comparison_dir, by_network=by_network)

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
        """Return what was noted for the page so far.

        Raises:
            DataError: If notes.json is damaged.
        """
        path = self.comparison_dir / _NOTES
        pull(path)
        if not path.exists():
            return ComparisonNotes()
        try:
            return ComparisonNotes.model_validate_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: is damaged ({error}); trigger a new comparison") from error

    def note(self, more: ComparisonNotes) -> None:
        """Note for the page why something was not made or lacks a part; a field that `more` leaves out is kept."""
        with lock(self.comparison_dir / f".{_NOTES}.lock", _NOTES):
            added = {name: getattr(more, name) for name in more.model_fields_set}
            change_document(
                self.comparison_dir / _NOTES,
                lambda: json_text(self.notes.model_copy(update=added).model_dump(mode="json")).encode(),
            )

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


def _comparison_dir(environment: Environment, run_id: str) -> Path:
    return environment.work_dir / "comparison" / "runs" / run_folder(run_id)


def start_comparison(
    run_id: str,
    samples: Sequence[str] = DEFAULT_SAMPLES,
    runs: Mapping[str, str] | None = None,
    random_choices: Mapping[str, Any] | None = None,
) -> Comparison:
    """Freeze which runs are compared, or open the comparison if that is frozen: a retry compares the same.

    Args:
        run_id: Airflow's, any text.
        samples: Their names; this and what follows is as in `choose_comparison`.
        runs: The run of a sample.
        random_choices: How categories are drawn at random.

    Raises:
        ConfigError: As in `choose_comparison`.
    """
    environment = environment_of_run(read_environment(), lambda found: _comparison_dir(found, run_id), begins=True)
    comparison_dir = _comparison_dir(environment, run_id)
    if (comparison_dir / "config.json").exists():
        return open_comparison(run_id)
    chosen, random_choices_config = choose_comparison(samples, runs, random_choices)
    config = ComparisonConfig(
        run_id=run_id,
        runs=tuple(ChosenRun(sample=run.config.sample.name, run_id=run.config.run_id) for run in chosen),
        random_choices=random_choices_config,
        versions=frozen_versions(environment),
        began_on=began_here(environment, backbone_of(chosen[0].config.training, environment.weights_dir)),
    )
    with disk_faults_told(comparison_dir):
        comparison_dir.mkdir(parents=True, exist_ok=True)
        text = json_text(config.model_dump(mode="json"))
        if not create_document(comparison_dir / "config.json", text.encode()):
            return open_comparison(run_id)
    logger.info("this comparison's config, frozen in %s:", comparison_dir / "config.json")
    for run in config.runs:
        logger.info("%s: run %s", run.sample, run.run_id)
    logger.info("in general: %d products of each category", config.random_choices.products_per_category)
    comparison = Comparison(comparison_dir, config, environment, chosen)
    if comparison.backbone is None:
        tell_reference(environment.weights_dir)
    return comparison


def open_comparison(run_id: str) -> Comparison:
    """Open a comparison that `start_comparison` began.

    Raises:
        DataError: If its config.json, or that of a run, is missing or damaged.
    """
    environment = environment_of_run(read_environment(), lambda found: _comparison_dir(found, run_id))
    comparison_dir = _comparison_dir(environment, run_id)
    path = comparison_dir / "config.json"
    try:
        config = ComparisonConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise not_here(path, environment, "resolve_comparison") from error
    except ValueError as error:
        raise DataError(f"{path}: is damaged or of another version: {error}; trigger a new comparison") from error
    runs = tuple(open_run(chosen.sample, chosen.run_id) for chosen in config.runs)
    return Comparison(comparison_dir, config, environment, runs)
