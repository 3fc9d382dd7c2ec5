"""A predictions run: its frozen config, which model it asks about which file, and what its steps have made."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cdiscount_tasks.artifacts.byte_ranges import Place, place_of
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import create_document
from cdiscount_tasks.artifacts.json_files import json_text
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.notes import note_result, noted_folders, noted_results
from cdiscount_tasks.catalogue.file import file_size, fingerprint
from cdiscount_tasks.catalogue.kind import reason_no_catalogue
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs.asked_model import asked_model
from cdiscount_tasks.runs.folders import (
    catalogue_fault,
    catalogue_of_run,
    environment_of_run,
    index_parent_dir,
    run_folder,
)
from cdiscount_tasks.runs.lineage import frozen_versions
from cdiscount_tasks.runs.workers import began_here, check_worker, not_here
from cdiscount_tasks.settings.environment import (
    Environment,
    check_data_folder,
    check_folders,
    read_environment,
)
from cdiscount_tasks.settings.predictions import (
    TARGETS,
    PredictionsConfig,
    PredictionsParams,
)
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.settings.sentences import all_sentences
from cdiscount_tasks.stages.inputs import IndexPlace, PredictingModel

logger = logging.getLogger(__name__)

PREDICTIONS = "predictions"
"""The folder of predictions runs, and where index steps are told whose catalogue they index: no sample has the name."""

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Predictions:
    """A predictions run whose config is frozen.

    Attributes:
        run_dir: Holds config.json and artifacts.json.
        config: What it makes.
        environment: Where things are on this machine.
    """

    run_dir: Path
    config: PredictionsConfig
    environment: Environment

    @property
    def catalogue_path(self) -> Place:
        """Return the BSON file whose products are predicted, where this machine has it."""
        return catalogue_of_run(self.config.catalogue_path, self.environment)

    @property
    def index_place(self) -> IndexPlace:
        """Return what is indexed, and where to: a catalogue that a sample's run has indexed is not scanned again."""
        parent_dir = index_parent_dir(self.environment, self.config.catalogue_fingerprint)
        return IndexPlace(self.catalogue_path, parent_dir, self.config.max_rejected_share)

    @property
    def artifacts_dir(self) -> Path:
        """Return the folder of the sample's answers and predictions."""
        return self.run_dir.parents[1] / self.config.sample

    @property
    def out_dir(self) -> Path:
        """Return where the run's page is."""
        return self.environment.reports_dir / PREDICTIONS / self.config.sample / self.run_dir.name

    @property
    def model(self) -> PredictingModel:
        """Return the finished artifacts of the model that is asked."""
        root, asked = self.environment.work_dir, self.config.asked
        return PredictingModel(*(root / part for part in (asked.model, asked.evaluation, asked.labels, asked.sample)))

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the page says of the run and of the model."""
        asked = self.config.asked
        report_path = self.environment.reports_dir / asked.report / "report.html"
        return {
            "sample": self.config.sample,
            "title": self.config.title,
            "catalogue": self.catalogue_path.name,
            "run_id": self.config.run_id,
            "model_run_id": asked.run_id,
            "preset": asked.preset,
            "decision": asked.decision,
            "since": asked.since,
            "model_origin": asked.origin,
            "report": f"../../../{asked.report}/report.html" if report_path.exists() else None,
            "embed_pictures": self.config.embed_pictures,
        }

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

    def folders(self) -> dict[str, Path]:
        """Return where the artifacts are that the run has used or made so far, by step."""
        return noted_folders(self.run_dir, self.environment.work_dir)

    def check_kind(self) -> None:
        """Refuse a model of drawn pictures on a real file, and the other way round, unless that is allowed.

        Raises:
            DataError: If so; the index says what the file is.
        """
        origin, asked = read_manifest(self.folders()["index"])["result"]["origin"], self.config.asked
        if origin == asked.origin or self.config.allow_drawn:
            return
        kinds = {"drawn": "pictures that the demo drew", "file": "pictures of products"}
        raise DataError(
            f"{self.catalogue_path}: holds {kinds[origin]}, but the model of run {asked.run_id} learnt from "
            f"{kinds[asked.origin]}: its answers would mean nothing; ask a model of such pictures (CDISCOUNT_CATALOGUE "
            "decides between the demo's registry and that of real data), or set allow_drawn to yes"
        )


def check_predicted_file(path: Place) -> None:
    """Refuse a path that is no catalogue, as far as its first bytes say.

    Raises:
        ConfigError: If it is missing, empty or of another format; says what was found.
    """
    if fault := catalogue_fault(path):
        raise ConfigError(
            f"{path}: {fault}; name the BSON file whose products are to be predicted with the parameter catalogue, or "
            "with CDISCOUNT_CATALOGUE where that is empty"
        )
    if file_size(path) == 0:
        raise ConfigError(f"{path}: is empty (0 bytes), expected a BSON file of products; fetch it again")
    if reason := reason_no_catalogue(path):
        raise ConfigError(reason.replace("CDISCOUNT_CATALOGUE", "the parameter catalogue"))


def read_params(given: Mapping[str, Any]) -> PredictionsParams:
    """Check what a person has set.

    Raises:
        ConfigError: If a value is wrong or a key is no parameter; says which, and what was expected.
    """
    try:
        return PredictionsParams.model_validate(dict(given))
    except ValidationError as error:
        raise ConfigError(f"the predictions: {all_sentences(error, PredictionsParams)}") from error


def given_catalogue(text: str, folder: Path) -> Place:
    """Return the catalogue that a person has named: a URL, or a path from a folder on.

    Raises:
        ConfigError: If a URL is none that can be used.
    """
    place = place_of(text, "the parameter catalogue")
    return (folder / place.expanduser()).absolute() if isinstance(place, Path) else place


def _decide(run_id: str, params: PredictionsParams, environment: Environment) -> PredictionsConfig:
    sample = read_sample(environment.samples_dir / f"{params.sample}.yaml")
    check_folders(environment)
    path = given_catalogue(params.catalogue, Path()) if params.catalogue else environment.catalogue_path
    check_predicted_file(path)
    return PredictionsConfig(
        run_id=run_id,
        sample=sample.name,
        title=sample.title,
        asked=asked_model(sample.name, params.model, environment),
        catalogue_path=str(path),
        catalogue_fingerprint=fingerprint(path),
        max_rejected_share=1.0,  # each document that is no product has its reason in rejected.parquet
        target_precision=TARGETS[params.precision],
        allow_drawn=params.allow_drawn,
        embed_pictures=sample.embed_pictures,
        started=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        versions=frozen_versions(environment),
        began_on=began_here(environment),
    )


def _check_not_removed(model: PredictingModel) -> None:
    """Refuse a model that a clean-up has removed while the run began; one that looks from here on finds the run.

    Raises:
        DataError: If so.
    """
    for folder in model:
        with lock(folder.with_name(f".{folder.name}.lock"), folder.name):  # a clean-up holds it while it removes
            if not folder.is_dir():
                raise DataError(f"{folder}: was removed while this run began; trigger a new run")


def predictions_dir(environment: Environment, run_id: str) -> Path:
    """Return the folder of a predictions run, which need not exist."""
    return environment.work_dir / PREDICTIONS / "runs" / run_folder(run_id)


def start_predictions(run_id: str, given: Mapping[str, Any]) -> Predictions:
    """Freeze which model is asked about which file, or open the run if that is frozen: a retry asks the same.

    Args:
        run_id: Airflow's, any text.
        given: What a person has set, as `PredictionsParams` has it.

    Raises:
        ConfigError: If a parameter is wrong, the file or the model does not exist.
        DataError: If the registry or the model is damaged, or a clean-up has removed the model meanwhile.
    """
    environment = read_environment()
    check_data_folder(environment)
    environment = environment_of_run(environment, lambda found: predictions_dir(found, run_id), begins=True)
    run_dir = predictions_dir(environment, run_id)
    if (run_dir / "config.json").exists():
        return open_predictions(run_id)
    config = _decide(run_id, read_params(given), environment)
    with disk_faults_told(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        if not create_document(run_dir / "config.json", json_text(config.model_dump(mode="json")).encode()):
            return open_predictions(run_id)
    logger.info("this run's config is frozen in %s", run_dir / "config.json")
    run = Predictions(run_dir, config, environment)
    _check_not_removed(run.model)
    return run


def open_predictions(run_id: str) -> Predictions:
    """Open a predictions run that `start_predictions` began.

    Raises:
        DataError: If its config.json is missing, damaged or of another run.
    """
    environment = environment_of_run(read_environment(), lambda found: predictions_dir(found, run_id))
    run_dir = predictions_dir(environment, run_id)
    path = run_dir / "config.json"
    try:
        config = PredictionsConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise not_here(path, environment, "resolve_predictions") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is damaged or of another version: {error}; trigger a new run") from error
    if config.run_id != run_id:
        raise DataError(f"{path}: is of run {config.run_id}; trigger a new run, with another run id")
    return Predictions(run_dir, config, environment)
