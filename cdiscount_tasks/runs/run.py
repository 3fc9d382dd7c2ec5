"""Runs of a sample: the folder, the frozen config and the copied inputs of each."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from cdiscount_tasks.artifacts.notes import note_result, noted_results
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.backbones import Backbone, backbone_of, why_no_backbone
from cdiscount_tasks.machine.weights import find_weights
from cdiscount_tasks.runs.folders import index_parent_dir, run_folder
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.stages.inputs import LabelFiles, Pretrained, Reviews

NAMES_COPY, FIXES_COPY, SPLIT_COPY = "category_names.csv", "label_fixes.csv", "split.csv"


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
    def catalogue_path(self) -> Path:
        """Return the BSON file that the run reads."""
        return Path(self.config.catalogue_path)

    @property
    def index_parent_dir(self) -> Path:
        """Return the folder of the catalogue's index and of the parts of its scan."""
        return index_parent_dir(self.environment, self.config.catalogue_fingerprint)

    @property
    def max_rejected_share(self) -> float:
        """Return the share of rejected documents above which the catalogue is refused."""
        return self.config.max_rejected_share

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
        """Return what the run's features are made with; None: it trains from scratch, and has no weights to use."""
        return backbone_of(self.config.training, self.environment.weights_dir)

    @property
    def no_features(self) -> str:
        """Return why the run has no features, as a sentence without its stop; empty where it has."""
        return "" if self.features_dir else why_no_backbone(self.environment.weights_dir)

    @property
    def pretrained(self) -> Pretrained | None:
        """Return what a transfer starts from, its features as they were recorded; None: the run trains from scratch."""
        training = self.config.training
        if training.weights == "none":
            return None
        weights_path = find_weights(training.network, self.environment.weights_dir)
        return Pretrained(weights_path, cast(Path, self.features_dir))

    @property
    def features_dir(self) -> Path | None:
        """Return the features that this run extracted or found; None: it has none, for lack of a backbone."""
        features = self.recorded().get("features")
        return Path(features["path"]) if features else None

    @property
    def audit_dir(self) -> Path | None:
        """Return the audit that this run made or found; None: it has none, for lack of a backbone."""
        audit = self.recorded().get("audit")
        return Path(audit["path"]) if audit else None

    @property
    def reviews(self) -> Reviews:
        """Return what people had looked at when the run started."""
        lists = sorted(name for name in self.config.inputs if name.startswith("reviewed-"))
        return Reviews(self.label_files.fixes_path, tuple(self.run_dir / name for name in lists))

    def sources_named(self) -> AbstractContextManager[None]:
        """Name the file that a person can mend in an error that names the run's copy of it."""
        return sources_named(self.run_dir, {name: Path(path) for name, path in self.config.input_sources.items()})

    def record(self, stage: str, result: ResultT) -> ResultT:
        """Note in artifacts.json which artifact a stage used or made, and return the stage's result."""
        note_result(self.run_dir, stage, result)
        return result

    def recorded(self) -> dict[str, dict[str, Any]]:
        """Return the results noted so far, by stage."""
        return noted_results(self.run_dir)


@contextmanager
def sources_named(run_dir: Path, sources: Mapping[str, Path]) -> Iterator[None]:
    """Name the file that a person can mend, where a stage names the run's copy of it."""
    try:
        yield
    except DataError as error:
        sentence = str(error)
        for name, source in sources.items():
            sentence = sentence.replace(str(run_dir / name), str(source))
        raise DataError(sentence) from error


def open_run(sample_name: str, run_id: str) -> Run:
    """Open a run that `run_start.start_run` began.

    Raises:
        DataError: If its config.json is missing, damaged or of another run.
    """
    environment = read_environment()
    run_dir = environment.work_dir / "samples" / sample_name / "runs" / run_folder(run_id)
    path = run_dir / "config.json"
    try:
        config = RunConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: the run has no frozen config; clear its task resolve_run first") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is damaged or of another version: {error}; trigger a new run") from error
    if config.run_id != run_id:
        raise DataError(
            f"{path}: is of run {config.run_id}, whose id gives the same folder as that of run {run_id}; trigger a new "
            "run, with another run id"
        )
    return Run(run_dir, config, environment)
