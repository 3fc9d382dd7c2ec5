"""The start of a run: what a person has set is checked and frozen, and the files from outside are copied."""

import logging
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import create_document, pull, push_document
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import json_text
from cdiscount_tasks.artifacts.mirror import known_tag, place_in
from cdiscount_tasks.catalogue.file import file_size, fingerprint
from cdiscount_tasks.catalogue.kind import reason_no_catalogue
from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.reviewed_lists import find_reviewed_lists
from cdiscount_tasks.machine.backbones import Backbone, backbone_of, tell_reference
from cdiscount_tasks.runs.categories import check_categories, indexed_categories, select_categories
from cdiscount_tasks.runs.folders import catalogue_fault, environment_of_run, run_folder
from cdiscount_tasks.runs.input_files import input_files, tell_unread_fixes
from cdiscount_tasks.runs.lineage import frozen_versions
from cdiscount_tasks.runs.run import FIXES_COPY, NAMES_COPY, SPLIT_COPY, Run, open_run, sources_named
from cdiscount_tasks.runs.warm_start import choose_start
from cdiscount_tasks.runs.workers import began_here
from cdiscount_tasks.settings.began_on import BeganOn
from cdiscount_tasks.settings.environment import (
    Environment,
    check_data_folder,
    check_folders,
    check_tensorboard,
    read_environment,
)
from cdiscount_tasks.settings.places import in_bucket
from cdiscount_tasks.settings.run import PriceConfig, RunConfig, StartedFrom, training_config
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, LabelRules, SampleConfig, read_sample
from cdiscount_tasks.settings.search import check_optuna
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.settings.words import log_config

logger = logging.getLogger(__name__)


def check_catalogue(environment: Environment) -> Place:
    """Return the catalogue's place once it is known to be a file or an object with bytes in it, and no archive.

    Raises:
        ConfigError: If there is none, it is empty or of another format; says what to set.
    """
    path = environment.catalogue_path
    if fault := catalogue_fault(path):
        if environment.uses_demo_catalogue and environment.data_url is not None:
            raise ConfigError(
                "CDISCOUNT_CATALOGUE is not set, and CDISCOUNT_DATA is in a bucket, where no demo catalogue is looked "
                f"for: a drawn one would be in the cache of one machine alone ({path}); set CDISCOUNT_CATALOGUE to a "
                "file that every machine has, or to an object such as s3://bucket/train.bson"
            )
        way_out = (
            "run `make demo` to draw the demo catalogue, or set CDISCOUNT_CATALOGUE to the path of train.bson"
            if environment.uses_demo_catalogue
            else "CDISCOUNT_CATALOGUE names it; set it to the path, or the URL, of train.bson"
        )
        detail = "" if fault in ("no such file", "no such object") else f" ({fault})"
        raise ConfigError(f"{path}: no catalogue stands there{detail}; {way_out}")
    if file_size(path) == 0:
        raise ConfigError(f"{path}: the catalogue is empty (0 bytes); fetch or unpack it again")
    if reason := reason_no_catalogue(path):
        raise ConfigError(reason)
    return path


def _check_machine(sample: SampleConfig, training: TrainingConfig, environment: Environment) -> Backbone | None:
    """Refuse at once what the learning tasks could not do hours later; return what will look at the pictures."""
    backbone = backbone_of(training, environment.weights_dir)
    if training.weights != "imagenet":
        tell_reference(environment.weights_dir)
    check_optuna(training.search)
    if environment.tensorboard_dir is not None:
        check_tensorboard(environment.tensorboard_dir)
    _check_slots(sample, training, environment)
    return backbone


def _check_slots(sample: SampleConfig, training: TrainingConfig, environment: Environment) -> None:
    """Refuse a training that no slot of the pool, or no machine, could ever hold: slots are the whole fleet's."""
    if sample.num_gpu_slots > environment.gpu_slots:
        raise ConfigError(
            f"sample {sample.name}: a preset wants {sample.num_gpu_slots} gpus, so that each of its trainings takes as "
            f"many slots of the pool `gpu`, but CDISCOUNT_GPU_SLOTS is {environment.gpu_slots}: it would wait for "
            "ever; set it to the number of GPUs of all machines, or lower gpus in the sample's YAML"
        )
    if environment.gpus is not None and training.gpus > environment.gpus:
        raise ConfigError(
            f"run of sample {sample.name}: gpus is {training.gpus}, but CDISCOUNT_GPUS says that a machine has "
            f"{environment.gpus}, and one training runs on one machine; lower gpus in the sample's preset, or set "
            "CDISCOUNT_GPUS to the number of GPUs of each machine that trains"
        )


class _Wanted(NamedTuple):
    """What a person has set, read and checked."""

    sample: SampleConfig
    preset: str
    training: TrainingConfig
    started_from: StartedFrom | None
    catalogue_path: Place
    backbone: Backbone | None


def _read_settings(
    sample_name: str, preset: str | None, overrides: dict[str, Any], environment: Environment
) -> _Wanted:
    """Read the settings of a run, and refuse what this machine could not do."""
    sample = read_sample(environment.samples_dir / f"{sample_name}.yaml")
    preset = preset or sample.default_preset
    training = training_config(sample, preset, overrides)
    check_folders(environment)
    backbone = _check_machine(sample, training, environment)
    catalogue_path = check_catalogue(environment)
    started_from = choose_start(sample_name, training, environment)
    return _Wanted(sample, preset, training, started_from, catalogue_path, backbone)


def _copy_inputs(sample: SampleConfig, environment: Environment, run_dir: Path) -> dict[str, Path]:
    """Copy the files from outside into the run's folder; return where each comes from, by the name of its copy."""
    sources = input_files(sample, environment)
    tell_unread_fixes(sample.name, environment)
    for name, source in sources.items():
        shutil.copyfile(source, run_dir / name)
    if FIXES_COPY not in sources:
        return sources
    reviewed = find_reviewed_lists(run_dir / FIXES_COPY, run_dir.parents[1])
    for name, source in reviewed.items():
        shutil.copyfile(source, run_dir / name)
    return sources | reviewed


def _choose_categories(
    sample: SampleConfig, environment: Environment, run_dir: Path, sources: Mapping[str, Path]
) -> tuple[int, ...] | None:
    """Choose the run's categories by the copied names, and check what people wrote about them; None: every category."""
    # Here, not above: it takes pandas half a second, which the tools that look at settings would pay.
    from cdiscount_tasks.runs.copied_files import check_copies

    names_path, fixes_path, split_path = (
        run_dir / name if name in sources else None for name in (NAMES_COPY, FIXES_COPY, SPLIT_COPY)
    )
    with sources_named(run_dir, sources):
        names = read_category_names(names_path)
    categories = select_categories(sample, names)
    for doubt in check_categories(sample, categories, names, environment):
        logger.warning("%s", doubt)
    with sources_named(run_dir, sources):
        check_copies(fixes_path, split_path, categories or indexed_categories(environment), names)
    return categories


def _decide(
    run_dir: Path,
    run_id: str,
    wanted: _Wanted,
    categories: tuple[int, ...] | None,
    sources: Mapping[str, Path],
    environment: Environment,
    began_on: BeganOn,
) -> RunConfig:
    """Put together all that decides what a run makes; `sources` says where each copied file comes from."""
    sample = wanted.sample
    return RunConfig(
        run_id=run_id,
        sample=sample,
        preset=wanted.preset,
        draw=DrawConfig(
            categories=categories,
            max_products_per_category=sample.max_products_per_category,
            seed=sample.seed,
            pictures=sample.pictures,
        ),
        labels=LabelConfig(categories=categories, **{rule: getattr(sample, rule) for rule in LabelRules.model_fields}),
        training=wanted.training,
        started_from=wanted.started_from,
        catalogue_path=str(wanted.catalogue_path),
        catalogue_fingerprint=fingerprint(wanted.catalogue_path),
        max_rejected_share=environment.max_rejected_share,
        inputs={name: hash_file(run_dir / name) for name in sources},
        input_sources={name: str(source) for name, source in sources.items()},
        versions=frozen_versions(environment),
        started=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        prices=PriceConfig(
            per_cpu_hour=environment.price_per_cpu_hour,
            per_gpu_hour=environment.price_per_gpu_hour,
            currency=environment.currency,
        ),
        began_on=began_on,
    )


def _publish_copies(run: Run) -> Run:
    """Let a bucket have the copied files that a run's config names; on a disk they are there already.

    They come after the config: of two tasks that begin one run, it says whose files count. A task that died between the
    two has left some out: whoever opens the run writes those, from a file that has the frozen hash.

    Raises:
        DataError: If a copy is missing and no file here is as it was.
    """
    if in_bucket(run.run_dir) is None:
        return run
    for name, frozen in run.config.inputs.items():
        path = run.run_dir / name
        source = Path(run.config.input_sources.get(name, path))
        pull(path)
        if known_tag(place_in(run.run_dir, name)) is not None and hash_file(path) == frozen:
            continue
        same = next((file for file in (path, source) if file.is_file() and hash_file(file) == frozen), None)
        if same is None:
            raise DataError(
                f"{source}: run {run.config.run_id} began with other bytes of it, and no copy of these is in the "
                "bucket yet; clear this task, and if it says so again, trigger a new run"
            )
        if same != path:
            shutil.copyfile(same, path)
        push_document(path)
    return run


def start_run(sample_name: str, run_id: str, preset: str | None = None, overrides: dict[str, Any] | None = None) -> Run:
    """Freeze a run's config, or open it if it is frozen already: a retry keeps what its run began with.

    Args:
        sample_name: A file's name in the samples folder, without `.yaml`.
        run_id: Airflow's, any text.
        preset: One of the sample's presets; None: its default.
        overrides: Training knobs on top of the preset; None as a value means "as in the preset".

    Raises:
        ConfigError: If a setting is wrong, or the catalogue or another input is missing.
        DataError: If the names CSV, the label fixes or the split file is damaged.
    """

    def run_dir_of(environment: Environment) -> Path:
        return environment.work_dir / "samples" / sample_name / "runs" / run_folder(run_id)

    environment = read_environment()
    check_data_folder(environment)
    environment = environment_of_run(environment, run_dir_of, begins=True)
    run_dir = run_dir_of(environment)
    if (run_dir / "config.json").exists():
        return _publish_copies(open_run(sample_name, run_id))
    wanted = _read_settings(sample_name, preset, overrides or {}, environment)
    began_on = began_here(environment, wanted.backbone)
    with disk_faults_told(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        sources = _copy_inputs(wanted.sample, environment, run_dir)
        categories = _choose_categories(wanted.sample, environment, run_dir, sources)
        config = _decide(run_dir, run_id, wanted, categories, sources, environment, began_on)
        if not create_document(run_dir / "config.json", json_text(config.model_dump(mode="json")).encode()):
            return _publish_copies(open_run(sample_name, run_id))
        run = _publish_copies(Run(run_dir, config, environment))
    log_config(config, run_dir / "config.json")
    return run
