"""Whether a run that started by itself would make anything new, and with which seed.

A run is compared with the sample's last finished one, artifact by artifact: what decides each of them (catalogue, YAML,
preset, fixes, split file, weights, versions) is put together as a run would, and nothing is built.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xxhash

from cdiscount_tasks.config import ScheduleConfig
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.finished_runs import iter_finished_runs
from cdiscount_tasks.run import Run
from cdiscount_tasks.storage.artifact import MANIFEST, Recipe, disk_faults_told, read_manifest, replace_file, write_json

logger = logging.getLogger(__name__)

ALWAYS = "always"
_SETTING = "CDISCOUNT_REPORTS"
_MOST_TOLD = 4

# What a report's config holds without deciding what it says: names, places and times of the run; copied files and
# versions, which the artifacts count as far as they matter to them; presets that the run does not have.
_PASSING = frozenset(
    {"run_id", "started", "catalogue_path", "catalogue_fingerprint", "inputs", "input_sources", "versions"}
)
_PASSING_OF_SAMPLE = frozenset({"tags", "schedule", "presets", "default_preset"})


def seed_by_itself(schedule: ScheduleConfig, run_id: str) -> dict[str, int]:
    """Return the training seed that a run which started by itself has on top of its preset.

    Args:
        schedule: The sample's. With `retrain: always` each run has a seed of its own, made from its id, so that a retry
            has the same; with `when_changed` the preset's holds.
        run_id: Airflow's.
    """
    if schedule.retrain != ALWAYS:
        return {}
    return {"seed": xxhash.xxh3_64_intdigest(run_id.encode()) % 2**31}


def _recipes(run: Run, dirs: Mapping[str, Path]) -> Iterator[Recipe]:
    """Yield what decides each artifact of a run, in the order of the way.

    Args:
        run: Its index stands.
        dirs: Of the artifacts by stage; each is looked at only when the one before was found to be what the run needs.
    """
    # Here, not above: the stages' libraries take seconds, which a task that wants a seed would pay.
    from cdiscount_tasks.stages import audit, evaluation, features, labels, model, report, sample

    config, index_dir = run.config, dirs["index"]
    yield sample.sample_recipe(index_dir, config.draw)
    pictures_and_labels = dirs["sample"], dirs["labels"]
    yield labels.labels_recipe(index_dir, dirs["sample"], run.label_files, config.labels)
    used = {stage: dirs[stage] for stage in ("index", "sample", "labels", "model", "evaluation")}
    if (backbone := run.backbone) is not None:
        yield features.features_recipe(*pictures_and_labels, backbone.weights_path, backbone.config)
        yield audit.audit_recipe(dirs["labels"], dirs["features"], run.reviews, config.labels)
        used |= {stage: dirs[stage] for stage in ("features", "audit")}
    starts_from = dirs["features"] if config.training.weights != "none" else None
    yield model.model_recipe(*pictures_and_labels, starts_from, config.training)
    yield evaluation.evaluation_recipe(*pictures_and_labels, dirs["model"])
    yield report.report_recipe(used, config)


def _deciding(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a recipe, or of a manifest, that decides whether an artifact says the same."""
    # Not files: in a recipe they are what comes from outside, in a manifest what the artifact holds.
    parts = {name: recipe[name] for name in ("version", "config", "inputs", "libraries")}
    if recipe["stage"] == "report":
        config = {name: value for name, value in parts["config"].items() if name not in _PASSING}
        sample = {name: value for name, value in config["sample"].items() if name not in _PASSING_OF_SAMPLE}
        parts["config"] = {**config, "sample": sample}
    return parts


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the single settings of a recipe, as a dotted name and its value in JSON."""
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, json.dumps(value, sort_keys=True, ensure_ascii=False)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in which settings two recipes differ.

    Args:
        before: A manifest, or another recipe as JSON.
        now: The recipe as JSON.

    Returns:
        Such as `config.epochs was 8, is 9`, by name; empty: they decide the same.
    """
    was, found = dict(_leaves(_deciding(before))), dict(_leaves(_deciding(now)))
    return [
        f"{name} was {was.get(name, 'absent')}, is {found.get(name, 'absent')}"
        for name in sorted(was.keys() | found.keys())
        if was.get(name) != found.get(name)
    ]


def _changed_files(run: Run, last: Run) -> str:
    """Say which files from outside a run has copied otherwise than a finished one; else it can only be the weights."""
    now, before = run.config.inputs, last.config.inputs
    changed = [name for name in sorted(now.keys() | before.keys()) if now.get(name) != before.get(name)]
    return f"{' and '.join(changed) or 'the file of pretrained weights'} changed"


def _change_of(recipe: Recipe, standing: Path, run: Run, last: Run) -> str | None:
    """Say why an artifact of a finished run is not the one that a recipe makes; None: it is."""
    told = differences(read_manifest(standing), recipe.as_json())
    if not told and recipe.stage != "report" and recipe.dir_in(standing.parent) != standing:
        told = [_changed_files(run, last)]  # a manifest holds their part in the key alone
    if not told:
        return None
    more = f", and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return f"of the {recipe.stage} {'; '.join(told[:_MOST_TOLD])}{more}"


def find_change(run: Run, last: Run) -> str | None:
    """Say what a run would make otherwise than a finished one; None: everything that decides it is the same.

    Args:
        run: Its index is recorded.
        last: A finished run of the same sample.
    """
    noted = {stage: Path(result["path"]) for stage, result in last.recorded().items()}
    dirs = {**noted, "index": Path(run.recorded()["index"]["path"])}
    met = {"index"}
    try:
        for recipe in _recipes(run, dirs):
            met.add(recipe.stage)
            if recipe.stage not in noted:
                return f"there were no {recipe.stage}, and now there would be"
            if change := _change_of(recipe, noted[recipe.stage], run, last):
                return change
    except DataError as error:
        return f"what it used cannot be used again ({error})"
    gone = sorted(noted.keys() - met)
    return f"there were {' and '.join(gone)}, and now there would be none" if gone else None


def reason_to_skip(run: Run) -> str | None:
    """Say why a run that started by itself would make nothing new; None: it goes on, and the log says why.

    Args:
        run: Its index is recorded.

    Returns:
        What it was compared with, and what to alter for another training.

    Raises:
        ConfigError: If the run's weights cannot be had.
    """
    sample = run.config.sample
    if sample.schedule.retrain == ALWAYS:
        logger.info(
            "goes on: schedule.retrain is always; the training seed of this run is %d", run.config.training.seed
        )
        return None
    others = (other for other in iter_finished_runs(run.environment, sample.name) if other.run_dir != run.run_dir)
    last = next(others, None)
    if last is None:
        logger.info("goes on: sample %s has no finished run yet", sample.name)
        return None
    if change := find_change(run, last):
        logger.info("goes on, since run %s was another: %s", last.config.run_id, change)
        return None
    finished = datetime.fromtimestamp((last.report_dir / MANIFEST).stat().st_mtime, UTC)
    return (
        f"nothing changed since run {last.config.run_id} (report of {finished:%Y-%m-%d %H:%M} UTC): catalogue, "
        "settings, label fixes, weights and versions are the same; for another training alter preset "
        f"{run.config.preset}, set retrain: always in {sample.name}.yaml, or trigger a run by hand"
    )


def note_skip(run: Run, reason: str) -> None:
    """Note beside a sample's reports that a run was skipped, and list it in the index of reports.

    Raises:
        ConfigError: If the reports folder is full or cannot be written.
    """
    from cdiscount_tasks.report_folders import SKIP_NOTE  # as above
    from cdiscount_tasks.reports_index import write_reports_index

    folder = run.report_dir.parent
    note = {"run_id": run.config.run_id, "at": datetime.now(UTC).isoformat(timespec="seconds"), "reason": reason}
    with disk_faults_told(folder, _SETTING):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / SKIP_NOTE, lambda aside: write_json(aside, note))
    write_reports_index(run.environment.reports_dir, _SETTING)
