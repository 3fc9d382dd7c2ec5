"""The start of a run: what a person has set is checked and frozen, and the files from outside are copied."""

import difflib
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import MOST_INPUT_BYTES, replace_file
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.catalogue.kind import reason_no_catalogue
from cdiscount_tasks.catalogue.names import CategoryNames, read_category_names
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.reviewed_lists import find_reviewed_lists
from cdiscount_tasks.machine.backbones import backbone_of
from cdiscount_tasks.runs.folders import index_parent_dir, run_folder
from cdiscount_tasks.runs.run import FIXES_COPY, NAMES_COPY, SPLIT_COPY, Run, open_run, sources_named
from cdiscount_tasks.settings.environment import (
    PROJECT_DIR,
    Environment,
    check_data_folder,
    check_folders,
    check_tensorboard,
    fault_of,
    read_environment,
)
from cdiscount_tasks.settings.run import PriceConfig, RunConfig, training_config
from cdiscount_tasks.settings.sample import LEVEL_CHOICE, DrawConfig, LabelConfig, LabelRules, SampleConfig, read_sample
from cdiscount_tasks.settings.sample_folder import sample_names
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.settings.words import log_config

logger = logging.getLogger(__name__)

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


def _advice(choice: re.Match[str], names: CategoryNames) -> str:
    close = names.close_to(int(choice["level"]), choice["name"])
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not len(names) and names.is_given:
        return "the names CSV (CDISCOUNT_CATEGORY_NAMES) has a first line but no names below it: fill it, or write ids"
    if not len(names):
        return "there are no names: set CDISCOUNT_CATEGORY_NAMES to the path of category_names.csv, or write ids"
    return "compare with the names CSV (CDISCOUNT_CATEGORY_NAMES), upper case and accents included"


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
            raise ConfigError(f"sample {sample.name}: no category is called {choice!r}; {_advice(match, names)}")
        ids.update(found)
    if len(ids) < 2:
        raise ConfigError(
            f"sample {sample.name}: categories select {len(ids)} category, expected at least 2 to tell apart"
        )
    return tuple(sorted(ids))


def _indexed_categories(environment: Environment) -> set[int] | None:
    """Return the categories of the catalogue's index; None: it has not been indexed yet."""
    if fault_of(environment.catalogue_path, "file"):
        return None
    parent_dir = index_parent_dir(environment, fingerprint(environment.catalogue_path))
    for path in sorted(parent_dir.glob("index-*/profile.json")):
        try:
            return {int(category["category_id"]) for category in read_json(path)["categories"]}
        except (OSError, DataError, KeyError, TypeError, ValueError) as error:
            logger.info("categories are not compared with the index: %s", error)
    return None


def check_categories(
    sample: SampleConfig, categories: Sequence[int] | None, names: CategoryNames, environment: Environment
) -> list[str]:
    """Compare a sample's categories with the catalogue's index, where one stands.

    Returns:
        What is doubtful where none stands yet: categories that the names CSV does not know.

    Raises:
        ConfigError: If the catalogue has no product of a category.
    """
    indexed = _indexed_categories(environment)
    if categories is None or indexed == set():
        return []
    if indexed is None:
        unknown = [category for category in categories if len(names) and category not in names]
        few = ", ".join(map(str, unknown[:10]))
        return [f"sample {sample.name}: the names CSV does not know the categories {few}"] if unknown else []
    missing = [category for category in categories if category not in indexed]
    if missing:
        close = difflib.get_close_matches(str(missing[0]), map(str, sorted(indexed)), n=1, cutoff=0.9)
        hint = f"did you mean {close[0]} ({names[int(close[0])].level3})? Else take" if close else "take"
        raise ConfigError(
            f"sample {sample.name}: the catalogue has no product of category {', '.join(map(str, missing[:10]))}; "
            f"{hint} it out of the sample's categories, or set CDISCOUNT_CATALOGUE to a catalogue that has some"
        )
    return []


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


_FIXES_ENDINGS = (".csv", ".csv.txt", ".csv.csv", ".txt", ".tsv", ".xlsx", ".xls", ".ods")


def _check_fixes_name(fixes_path: Path) -> None:
    """Refuse a file that is meant as a sample's fixes under another name, where none has the right one."""
    meant = {f"{fixes_path.stem}{ending}" for ending in _FIXES_ENDINGS}
    found = sorted(path.name for path in fixes_path.parent.glob("*") if path.name.strip().lower() in meant)
    if found:
        raise ConfigError(
            f"{fixes_path.parent / found[0]}: a sample's fixes are read from {fixes_path.name}; save them as CSV under "
            "that name, or take the file away"
        )


def _unread_fixes(sample_name: str, environment: Environment) -> list[str]:
    """Return the files beside a sample's fixes whose names say that they are of this sample, though none reads them."""
    others = set(sample_names(environment.samples_dir)) - {sample_name}

    def names(name: str, file_name: str) -> bool:
        return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", file_name) is not None

    found = []
    for path in environment.label_fixes_dir.glob("[!.]*"):
        plain = path.name.casefold()
        longer = any(len(other) > len(sample_name) and names(other, plain) for other in others)
        if path.name != f"{sample_name}.csv" and plain.endswith(_FIXES_ENDINGS) and names(sample_name, plain):
            found += [] if longer or path.stem in others else [path.name]
    return sorted(found)


def _tell_unread_fixes(sample_name: str, environment: Environment) -> None:
    if unread := _unread_fixes(sample_name, environment):
        logger.warning(
            "%s: not read, though its name says that it is of this sample: fixes are read from %s.csv alone",
            ", ".join(str(environment.label_fixes_dir / name) for name in unread),
            sample_name,
        )


def input_files(sample: SampleConfig, environment: Environment) -> dict[str, Path]:
    """Return the outside files of a sample's runs by the name that their copies carry.

    Raises:
        ConfigError: If a file that a setting names is missing or no file.
    """
    fixes_path = environment.label_fixes_dir / f"{sample.name}.csv"
    sources = {
        NAMES_COPY: (environment.names_path, "CDISCOUNT_CATEGORY_NAMES"),
        FIXES_COPY: (fixes_path, "CDISCOUNT_LABEL_FIXES"),
        SPLIT_COPY: (
            environment.samples_dir / sample.split.file if sample.split.file is not None else None,
            f"split.file of sample {sample.name}",
        ),
    }
    if not os.path.lexists(fixes_path):
        _check_fixes_name(fixes_path)
        del sources[FIXES_COPY]
    found = {}
    for name, (source, setting) in sources.items():
        if source is None:
            continue
        if fault := fault_of(source, "file"):
            names_it = "names its folder" if name == FIXES_COPY else "names it"
            raise ConfigError(f"{source}: {fault}, though {setting} {names_it}")
        if (size := source.stat().st_size) > MOST_INPUT_BYTES:
            raise ConfigError(f"{source}: has {size:,} bytes, expected at most {MOST_INPUT_BYTES:,} ({setting})")
        found[name] = source
    return found


def check_catalogue(environment: Environment) -> Path:
    """Return the catalogue's path once it is known to be a file with bytes in it, and no archive.

    Raises:
        ConfigError: If there is none, it is empty or of another format; says what to set.
    """
    path = environment.catalogue_path
    if fault := fault_of(path, "file"):
        way_out = (
            "run `make demo` to draw the demo catalogue, or set CDISCOUNT_CATALOGUE to the path of train.bson"
            if environment.uses_demo_catalogue
            else "CDISCOUNT_CATALOGUE names it; set it to the path of train.bson"
        )
        detail = "" if fault == "no such file" else f" ({fault})"
        raise ConfigError(f"{path}: no catalogue stands there{detail}; {way_out}")
    if path.stat().st_size == 0:
        raise ConfigError(f"{path}: the catalogue is empty (0 bytes); fetch or unpack it again")
    if reason := reason_no_catalogue(path):
        raise ConfigError(reason)
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
        DataError: If the names CSV, the label fixes or the split file is damaged.
    """
    # Here, not above: it takes pandas half a second, which the tools that look at settings would pay.
    from cdiscount_tasks.runs.copied_files import check_copies

    environment = read_environment()
    check_data_folder(environment)
    run_dir = environment.work_dir / "samples" / sample_name / "runs" / run_folder(run_id)
    if (run_dir / "config.json").exists():
        return open_run(sample_name, run_id)
    sample = read_sample(environment.samples_dir / f"{sample_name}.yaml")
    preset = preset or sample.default_preset
    training = training_config(sample, preset, overrides or {})
    check_folders(environment)
    _check_machine(sample, training, environment)
    catalogue_path = check_catalogue(environment)
    with disk_faults_told(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        sources = input_files(sample, environment)
        _tell_unread_fixes(sample.name, environment)
        for name, source in sources.items():
            shutil.copyfile(source, run_dir / name)
        if FIXES_COPY in sources:
            reviewed = find_reviewed_lists(run_dir / FIXES_COPY, run_dir.parents[1])
            for name, source in reviewed.items():
                shutil.copyfile(source, run_dir / name)
            sources |= reviewed
        inputs = {name: hash_file(run_dir / name) for name in sources}
        with sources_named(run_dir, sources):
            names = read_category_names(run_dir / NAMES_COPY if NAMES_COPY in inputs else None)
        categories = select_categories(sample, names)
        for doubt in check_categories(sample, categories, names, environment):
            logger.warning("%s", doubt)
        with sources_named(run_dir, sources):
            fixes_path, split_path = (run_dir / name if name in inputs else None for name in (FIXES_COPY, SPLIT_COPY))
            check_copies(fixes_path, split_path, categories or _indexed_categories(environment), names)
        config = RunConfig(
            run_id=run_id,
            sample=sample,
            preset=preset,
            draw=DrawConfig(
                categories=categories, max_products_per_category=sample.max_products_per_category, seed=sample.seed
            ),
            labels=LabelConfig(
                categories=categories, **{rule: getattr(sample, rule) for rule in LabelRules.model_fields}
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
    log_config(config, run_dir / "config.json")
    return Run(run_dir, config, environment)
