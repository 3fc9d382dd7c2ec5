"""Whether a run that started by itself would make anything new, and with which seed.

A run is compared with the sample's last finished one of its preset, artifact by artifact: what decides each of them
(catalogue, YAML, preset, fixes, split file, weights, versions) is put together as a run would, and nothing is built.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import xxhash

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import push_document
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.manifest import read_manifest, when_finished
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.finished import iter_finished_runs
from cdiscount_tasks.runs.folders import SKIPPED
from cdiscount_tasks.runs.plan import Folders
from cdiscount_tasks.runs.recipe_differences import MOST_TOLD, differences
from cdiscount_tasks.runs.run import Run

logger = logging.getLogger(__name__)

ALWAYS = "always"
_DOES = {
    "features": "extracts features",
    "evaluation": "evaluates",
    "seeds": "trains with other seeds",
    "audit": "looks for label suspects",
    "report": "writes a report",
}
"""What a run does again of the first artifact that differs; before the features, and of a model, it trains."""


class Difference(NamedTuple):
    """The first artifact of which a run would make another one than a finished run has.

    Attributes:
        does: What the run does then, such as `trains`.
        words: What is different, such as `epochs 8 -> 30, image size 64 -> 96`.
    """

    does: str
    words: str


def seed_by_itself(retrain: str, run_id: str) -> dict[str, int]:
    """Return the training seed that a run which started by itself has on top of its preset.

    Args:
        retrain: Of the sample's schedule. With `always` each run has a seed of its own, made from its id, so that a
            retry has the same; with `when_changed` the preset's holds.
        run_id: Airflow's.
    """
    if retrain != ALWAYS:
        return {}
    return {"seed": xxhash.xxh3_64_intdigest(run_id.encode()) % 2**31}


def _recipes(run: Run, at: Folders) -> Iterator[Recipe]:
    """Yield what decides each artifact of a run, in the order of the way.

    Args:
        run: Its index is recorded.
        at: Where the artifacts are; each is looked at only when the one before was found to be what the run needs.
    """
    for step in steps.STEPS:
        if not step.by_content and not step.by_registry and not step.left_out(run):
            yield step.plan(run, at).recipe()


def _changed_files(run: Run, last: Run) -> str:
    """Say which files from outside a run has copied otherwise than a finished one; else it can only be the weights."""
    now, before = run.config.inputs, last.config.inputs
    changed = [name for name in sorted(now.keys() | before.keys()) if now.get(name) != before.get(name)]
    return f"{' and '.join(changed) or 'the file of pretrained weights'} changed"


def _change_of(recipe: Recipe, standing: Path, run: Run, last: Run) -> Difference | None:
    """Say why an artifact of a finished run is not the one that a recipe makes; None: it is."""
    told = differences(read_manifest(standing), recipe.as_json())
    if not told and recipe.stage != "report" and recipe.dir_in(standing.parent) != standing:
        told = [_changed_files(run, last)]  # a manifest holds their part in the key alone
    if not told:
        return None
    more = f", and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return Difference(_DOES.get(recipe.stage, "trains"), f"{', '.join(told[:MOST_TOLD])}{more}")


def find_change(run: Run, last: Run) -> Difference | None:
    """Say what a run would make otherwise than a finished one; None: everything that decides it is the same.

    Args:
        run: Its index is recorded.
        last: A finished run of the same sample.
    """
    noted = last.folders()
    met = {"index", *(step.name for step in steps.STEPS if step.by_registry)}
    try:
        for recipe in _recipes(run, {**noted, "index": run.folders()["index"]}):
            met.add(recipe.stage)
            if recipe.stage not in noted:
                does = _DOES.get(recipe.stage, "trains")
                return Difference(does, f"that run has no {recipe.stage}, and now they can be made")
            if change := _change_of(recipe, noted[recipe.stage], run, last):
                return change
    except DataError as error:
        return Difference("makes again what is missing", f"what that run used cannot be used again ({error})")
    gone = " and ".join(sorted(noted.keys() - met))
    return Difference("writes a report", f"that run has {gone}, and now they cannot be made") if gone else None


def _trained_as_preset_says(run: Run) -> bool:
    """Tell whether a run has its preset's knobs, and nobody stopped its training.

    A seed is no knob: `retrain: always` gives each run its own.
    """
    if run.stopped_after_epoch is not None:
        return False
    knobs = {"seed": 0}
    preset = run.config.sample.presets[run.config.preset]
    return run.config.training.model_copy(update=knobs) == preset.model_copy(update=knobs)


def _last_finished(run: Run) -> tuple[Run | None, Run | None]:
    """Return the run to compare with, and the last finished one of whatever preset.

    The first is of the same preset, and if there is one, without knobs that a person tried and trained to its end.
    """
    newest = of_preset = None
    for other in iter_finished_runs(run.environment, run.config.sample.name):
        if other.run_dir == run.run_dir:
            continue
        newest = newest or other
        if other.config.preset == run.config.preset:
            of_preset = of_preset or other
            if _trained_as_preset_says(other):
                return other, newest
    return of_preset, newest


def _used_catalogue(run: Run) -> str:
    return str(run.recorded()["index"]["catalogue_id"])


def _no_news(run: Run, seen: Run | None) -> str | None:
    """Say that the published index holds the catalogue that the sample used last; None: it is another one."""
    if seen is None or _used_catalogue(seen) != _used_catalogue(run):
        return None
    return (
        f"the published index is no news for sample {run.config.sample.name}: its run {seen.config.run_id} "
        f"({_report_of(seen)}) used the same catalogue; to train, trigger a run by hand, or set schedule.cron in "
        f"{run.config.sample.name}.yaml"
    )


def _report_of(run: Run) -> str:
    return f"report of {when_finished(run.report_dir):%Y-%m-%d %H:%M} UTC"


def reason_to_skip(run: Run, *, by_new_index: bool = False) -> str | None:
    """Say why a run that started by itself would make nothing new; None: it continues, and the log says why.

    Args:
        run: Its index is recorded.
        by_new_index: The run was started by a published index, not by a time: where the sample's last finished run has
            used that catalogue, nothing is new, whatever that run's settings were.

    Returns:
        What it was compared with, and what to change for another training.

    Raises:
        ConfigError: If the run's weights cannot be had.
    """
    sample, preset = run.config.sample, run.config.preset
    last, newest = _last_finished(run)
    if by_new_index and (reason := _no_news(run, last or newest)):
        return reason
    if sample.schedule.retrain == ALWAYS:
        logger.info("trains: schedule.retrain is always; the training seed of this run is %d", run.config.training.seed)
        return None
    if last is None:
        logger.info("trains: sample %s has no finished run of preset %s yet", sample.name, preset)
        return None
    if change := find_change(run, last):
        logger.info("%s: against run %s %s", change.does, last.config.run_id, change.words)
        return None
    return (
        f"nothing changed since run {last.config.run_id} ({_report_of(last)}): catalogue, "
        "settings, label fixes, weights and versions are the same; for another training change preset "
        f"{preset}, set retrain: always in {sample.name}.yaml, or trigger a run by hand"
    )


def note_skip(run: Run, reason: str) -> None:
    """Note beside a sample's reports that a run was skipped, and list it in the index of reports.

    Raises:
        ConfigError: If the reports folder is full or cannot be written.
    """
    from cdiscount_tasks.reports.folders import REPORTS_SETTING, SKIP_NOTE  # pages take a second
    from cdiscount_tasks.reports.overview import write_reports_index

    folder = run.report_dir.parent
    note = {"run_id": run.config.run_id, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "reason": reason}
    with disk_faults_told(folder, REPORTS_SETTING):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / SKIP_NOTE, lambda aside: write_json(aside, note))
    with disk_faults_told(run.run_dir):
        (run.run_dir / SKIPPED).touch()  # for the clean-up, which leaves a run alone that may be going
        push_document(run.run_dir / SKIPPED)
    write_reports_index(run.environment.reports_dir)
