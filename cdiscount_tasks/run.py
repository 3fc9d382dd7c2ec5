"""Runs of a sample: the folder, the frozen config and the copied inputs of each."""

import json
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast

import xxhash

from cdiscount_tasks.backbones import Backbone, backbone_of
from cdiscount_tasks.config import (
    LEVEL_CHOICE,
    DrawConfig,
    LabelConfig,
    PriceConfig,
    RunConfig,
    SampleConfig,
    TrainingConfig,
    read_sample,
    training_config,
)
from cdiscount_tasks.environment import PROJECT_DIR, Environment, check_tensorboard, read_environment
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.records import LabelFiles, Pretrained, Reviews
from cdiscount_tasks.resolved_config import lines_of
from cdiscount_tasks.storage.artifact import disk_faults_told, lock, replace_file, write_json
from cdiscount_tasks.storage.category_names import CategoryNames, read_category_names
from cdiscount_tasks.storage.hashes import fingerprint, hash_file
from cdiscount_tasks.storage.reviewed_lists import find_reviewed_lists
from cdiscount_tasks.storage.weights import find_weights

logger = logging.getLogger(__name__)

NAMES_COPY, FIXES_COPY, SPLIT_COPY = "category_names.csv", "label_fixes.csv", "split.csv"
_LIBRARIES = (
    "keras",
    "tensorflow",
    "numpy",
    "pandas",
    "pillow",
    "imagehash",
    "pyarrow",
    "scikit-learn",
    "apache-airflow",
)

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


def run_folder(run_id: str) -> str:
    """Return the folder name of a run: Airflow's run ids hold characters that folders and links cannot.

    They have up to 250 characters, and a folder's name 255 bytes: of long ones the beginning stands.
    """
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', run_id)[:200]}-{xxhash.xxh3_128_hexdigest(run_id.encode())[:6]}"


def index_parent_dir(environment: Environment, catalogue_fingerprint: str) -> Path:
    """Return the folder of a catalogue's index and of the parts of its scan."""
    return environment.work_dir / "catalogues" / catalogue_fingerprint


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
        """Return what the run's features are made with; None: it trains from scratch, and no weights stand here."""
        return backbone_of(self.config.training, self.environment.weights_dir)

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
        return _sources_named(self.run_dir, {name: Path(path) for name, path in self.config.input_sources.items()})

    def record(self, stage: str, result: ResultT) -> ResultT:
        """Note in artifacts.json which artifact a stage used or made, and return the stage's result."""
        path = self.run_dir / "artifacts.json"
        with lock(self.run_dir / ".artifacts.lock", "artifacts.json"):
            noted = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            noted[stage] = result
            replace_file(path, lambda aside: write_json(aside, noted))
        return result

    def recorded(self) -> dict[str, dict[str, Any]]:
        """Return the results noted so far, by stage."""
        return cast(dict[str, dict[str, Any]], json.loads((self.run_dir / "artifacts.json").read_text("utf-8")))


def select_categories(sample: SampleConfig, names: CategoryNames) -> tuple[int, ...] | None:
    """Turn a sample's choice into ids, ascending; None for `all`.

    Raises:
        ConfigError: If a level's name is carried by no category of the names CSV, or fewer than two are selected.
    """
    if sample.categories == "all":
        return None
    ids: set[int] = set()
    for choice in sample.categories:
        if isinstance(choice, int):
            ids.add(choice)
            continue
        match = cast(re.Match[str], LEVEL_CHOICE.fullmatch(choice))
        found = names.ids_of(int(match["level"]), match["name"])
        if not found:
            raise ConfigError(
                f"sample {sample.name}: no category is called {choice!r}; compare with the names CSV "
                "(CDISCOUNT_CATEGORY_NAMES), upper case and accents included"
            )
        ids.update(found)
    if len(ids) < 2:
        raise ConfigError(
            f"sample {sample.name}: categories select {len(ids)} category, expected at least 2 to tell apart"
        )
    return tuple(sorted(ids))


def _code_version() -> str:
    """Return the commit that runs, with a mark if files differ from it; installed without git: 'unknown'."""
    command = ["git", "-C", str(PROJECT_DIR), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _versions() -> dict[str, str]:
    installed = {name: metadata.version(name) for name in _LIBRARIES}
    return {"code": _code_version(), **installed}


def input_files(sample: SampleConfig, environment: Environment) -> dict[str, Path]:
    """Return the outside files of a sample's runs by the name that their copies carry.

    Raises:
        ConfigError: If a file that a setting names is missing.
    """
    sources = {
        NAMES_COPY: environment.names_path,
        FIXES_COPY: environment.label_fixes_dir / f"{sample.name}.csv",
        SPLIT_COPY: environment.samples_dir / sample.split.file if sample.split.file else None,
    }
    found = {}
    for name, source in sources.items():
        if source is None or (name == FIXES_COPY and not source.exists()):
            continue
        if not source.is_file():
            setting = "CDISCOUNT_CATEGORY_NAMES" if name == NAMES_COPY else f"split.file of sample {sample.name}"
            raise ConfigError(f"{source}: no such file, though {setting} names it")
        found[name] = source
    return found


@contextmanager
def _sources_named(run_dir: Path, sources: Mapping[str, Path]) -> Iterator[None]:
    """Name the file that a person can mend, where a stage names the run's copy of it."""
    try:
        yield
    except DataError as error:
        sentence = str(error)
        for name, source in sources.items():
            sentence = sentence.replace(str(run_dir / name), str(source))
        raise DataError(sentence) from error


def check_catalogue(environment: Environment) -> Path:
    """Return the catalogue's path once it is known to be a file with bytes in it.

    Raises:
        ConfigError: If there is none or it is empty; says what to set.
    """
    path = environment.catalogue_path
    if not path.is_file():
        way_out = (
            "run `make demo` to draw the demo catalogue, or set CDISCOUNT_CATALOGUE to the path of train.bson"
            if environment.uses_demo_catalogue
            else "CDISCOUNT_CATALOGUE names it; set it to the path of train.bson"
        )
        raise ConfigError(f"{path}: no catalogue stands there; {way_out}")
    if path.stat().st_size == 0:
        raise ConfigError(f"{path}: the catalogue is empty (0 bytes); fetch or unpack it again")
    return path


def _check_machine(sample: SampleConfig, training: TrainingConfig, environment: Environment) -> None:
    """Refuse at once what the learning tasks could not do hours later."""
    backbone_of(training, environment.weights_dir)
    check_tensorboard(environment.tensorboard_dir)
    if sample.num_gpu_slots > environment.gpu_slots:
        raise ConfigError(
            f"sample {sample.name}: a preset wants {sample.num_gpu_slots} gpus, so that each of its trainings takes as "
            f"many slots of the pool `gpu`, but CDISCOUNT_GPU_SLOTS is {environment.gpu_slots}: it would wait for "
            "ever; set it to the machine's number of GPUs, or lower gpus in the sample's YAML"
        )


def start_run(sample_name: str, run_id: str, preset: str | None = None, overrides: dict[str, Any] | None = None) -> Run:
    """Freeze a run's config, or open it if it is frozen already: a retry keeps what its run began with.

    Args:
        sample_name: A file's name in the samples folder, without `.yaml`.
        run_id: Airflow's, any text.
        preset: One of the sample's presets; None: its default.
        overrides: Training knobs on top of the preset; None as a value means "as in the preset".

    Raises:
        ConfigError: If a setting is wrong, or the catalogue or another input is missing.
        DataError: If the names CSV is damaged.
    """
    environment = read_environment()
    run_dir = environment.work_dir / "samples" / sample_name / "runs" / run_folder(run_id)
    if (run_dir / "config.json").exists():
        return open_run(sample_name, run_id)
    sample = read_sample(environment.samples_dir / f"{sample_name}.yaml")
    preset = preset or sample.default_preset
    training = training_config(sample, preset, overrides or {})
    _check_machine(sample, training, environment)
    catalogue_path = check_catalogue(environment)
    with disk_faults_told(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        sources = input_files(sample, environment)
        for name, source in sources.items():
            shutil.copyfile(source, run_dir / name)
        if FIXES_COPY in sources:
            reviewed = find_reviewed_lists(run_dir / FIXES_COPY, run_dir.parents[1])
            for name, source in reviewed.items():
                shutil.copyfile(source, run_dir / name)
            sources |= reviewed
        inputs = {name: hash_file(run_dir / name) for name in sources}
        with _sources_named(run_dir, sources):
            names = read_category_names(run_dir / NAMES_COPY if NAMES_COPY in inputs else None)
        categories = select_categories(sample, names)
        config = RunConfig(
            run_id=run_id,
            sample=sample,
            preset=preset,
            draw=DrawConfig(
                categories=categories, max_products_per_category=sample.max_products_per_category, seed=sample.seed
            ),
            labels=LabelConfig(
                categories=categories,
                split=sample.split,
                seed=sample.seed,
                conflicts=sample.conflicts,
                max_products_per_image=sample.max_products_per_image,
                near_duplicates=sample.near_duplicates,
                small_classes=sample.small_classes,
                straddling=sample.straddling,
            ),
            training=training,
            catalogue_path=str(catalogue_path),
            catalogue_fingerprint=fingerprint(catalogue_path),
            max_rejected_share=environment.max_rejected_share,
            inputs=inputs,
            input_sources={name: str(source) for name, source in sources.items()},
            versions=_versions(),
            started=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            prices=PriceConfig(
                per_cpu_hour=environment.price_per_cpu_hour,
                per_gpu_hour=environment.price_per_gpu_hour,
                currency=environment.currency,
            ),
        )
        replace_file(run_dir / "config.json", lambda aside: write_json(aside, config.model_dump(mode="json")))
    logger.info("this run's config, frozen in %s:", run_dir / "config.json")
    for line in lines_of(config):
        logger.info("%s", line)
    return Run(run_dir, config, environment)


def open_run(sample_name: str, run_id: str) -> Run:
    """Open a run that `start_run` began.

    Raises:
        DataError: If its config.json is missing or damaged.
    """
    environment = read_environment()
    run_dir = environment.work_dir / "samples" / sample_name / "runs" / run_folder(run_id)
    path = run_dir / "config.json"
    try:
        config = RunConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: the run has no frozen config; clear its task resolve_run first") from error
    except ValueError as error:
        raise DataError(f"{path}: is damaged or of another version: {error}; trigger a new run") from error
    return Run(run_dir, config, environment)
