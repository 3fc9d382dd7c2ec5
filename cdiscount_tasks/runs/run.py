"""A run of a sample: its folder, its frozen config, its copied inputs, and what its steps have made."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.notes import note_result, noted_folders, noted_results
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.reviewed_lists import copies_among
from cdiscount_tasks.machine.backbones import Backbone
from cdiscount_tasks.runs.folders import catalogue_of_run, environment_of_run, index_parent_dir, run_folder
from cdiscount_tasks.runs.workers import check_worker, frozen_backbone, not_here
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.stages.inputs import IndexPlace, LabelFiles, Pretrained, Reviews

NAMES_COPY, FIXES_COPY, SPLIT_COPY = "category_names.csv", "label_fixes.csv", "split.csv"
_KEEPS_COPY = "; this run keeps the copy that it began with: mend the file and trigger a new run"
_NOT_COMPUTED = "an older version made this run, and computed features only with pretrained weights; trigger a new run"

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Run:
    """A run whose config is frozen; everything that its stages need to know about where things lie.

    Attributes:
        run_dir: Holds config.json, the copied inputs and artifacts.json.
        config: What the run makes.
        environment: Where things lie on this machine.
    """

    run_dir: Path
    config: RunConfig
    environment: Environment

    @property
    def catalogue_path(self) -> Place:
        """Return the BSON file that the run reads, where this machine has it."""
        return catalogue_of_run(self.config.catalogue_path, self.environment)

    @property
    def index_parent_dir(self) -> Path:
        """Return the folder of the catalogue's index and of the parts of its scan."""
        return index_parent_dir(self.environment, self.config.catalogue_fingerprint)

    @property
    def index_place(self) -> IndexPlace:
        """Return what is indexed, and where to."""
        return IndexPlace(self.catalogue_path, self.index_parent_dir, self.config.max_rejected_share)

    @property
    def artifacts_dir(self) -> Path:
        """Return the folder of the sample's artifacts."""
        return self.run_dir.parents[1]

    @property
    def report_dir(self) -> Path:
        """Return where the run's report stands."""
        return self.environment.reports_dir / self.config.sample.name / self.run_dir.name

    @property
    def label_files(self) -> LabelFiles:
        """Return the outside files that label fixing reads, as they were when the run started."""
        return LabelFiles(
            *(
                self.run_dir / name if name in self.config.inputs else None
                for name in (NAMES_COPY, FIXES_COPY, SPLIT_COPY)
            )
        )

    @property
    def backbone(self) -> Backbone | None:
        """Return what looks at the run's pictures, as its first task chose; None: the descriptor does."""
        return frozen_backbone(self.config.began_on, self.config.training, self.environment)

    @property
    def no_features(self) -> str:
        """Return why the run has no features, as a sentence without its stop; empty where it has."""
        return "" if "features" in self.folders() else _NOT_COMPUTED

    def pretrained(self, features_dir: Path | None) -> Pretrained | None:
        """Return what a transfer starts from, given its features; None: the run trains from scratch."""
        if features_dir is None:
            return None
        backbone = self.backbone
        if backbone is None:
            raise ConfigError(f"the preset of run {self.config.run_id} has no pretrained weights to start from")
        return Pretrained(backbone.weights_path, features_dir)

    @property
    def reviews(self) -> Reviews:
        """Return what people had looked at when the run started."""
        lists = copies_among(self.config.inputs)
        return Reviews(self.label_files.fixes_path, tuple(self.run_dir / name for name in lists))

    def sources_named(self) -> AbstractContextManager[None]:
        """Name the file that a person can mend in an error that names the run's copy of it, and how to have it read."""
        sources = {name: Path(path) for name, path in self.config.input_sources.items()}
        return sources_named(self.run_dir, sources, way_out=_KEEPS_COPY)

    def check_worker(self, *, by_network: bool = False) -> None:
        """Refuse this machine where it is not like the one that the run began on; see `runs/workers.py`."""
        began, versions = self.config.began_on, self.config.versions
        check_worker(began, versions, self.environment, self.run_dir, by_network=by_network)

    def record(self, step: str, result: ResultT) -> ResultT:
        """Note in artifacts.json which artifact a step used or made, and return the stage's result."""
        note_result(self.run_dir, self.environment.work_dir, step, result)
        return result

    def recorded(self) -> dict[str, dict[str, Any]]:
        """Return the results noted so far, by step; their paths are relative: `folders` has them whole."""
        return noted_results(self.run_dir)

    @property
    def stopped_after_epoch(self) -> int | None:
        """Return the epoch after which somebody stopped the run's training; None: nobody did, or it is not over."""
        return self.recorded().get("model", {}).get("stopped_after_epoch")

    def folders(self) -> dict[str, Path]:
        """Return where the artifacts are that the run has used or made so far, by step."""
        noted = noted_folders(self.run_dir, self.environment.work_dir)
        return {**noted, "report": self.report_dir} if "report" in self.recorded() else noted


@contextmanager
def sources_named(run_dir: Path, sources: Mapping[str, Path], way_out: str = "") -> Iterator[None]:
    """Name the file that a person can mend, where a stage names the run's copy of it; then tell the way out."""
    try:
        yield
    except DataError as error:
        sentence = str(error)
        for name, source in sources.items():
            sentence = sentence.replace(str(run_dir / name), str(source))
        raise DataError(sentence if sentence == str(error) else f"{sentence}{way_out}") from error


def open_run(sample_name: str, run_id: str) -> Run:
    """Open a run that `runs.start.start_run` began.

    Raises:
        DataError: If its config.json is missing, damaged or of another run.
    """

    def run_dir_of(environment: Environment) -> Path:
        return environment.work_dir / "samples" / sample_name / "runs" / run_folder(run_id)

    environment = environment_of_run(read_environment(), run_dir_of)
    run_dir = run_dir_of(environment)
    path = run_dir / "config.json"
    try:
        config = RunConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise not_here(path, environment, "resolve_run") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is damaged or of another version: {error}; trigger a new run") from error
    if config.run_id != run_id:
        raise DataError(
            f"{path}: is of run {config.run_id}, whose id gives the same folder as that of run {run_id}; trigger a new "
            "run, with another run id"
        )
    return Run(run_dir, config, environment)
