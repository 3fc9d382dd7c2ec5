"""What of a data root is still needed, and by whom: runs, champions of the history, reports, label fixes.

What cannot be read for certain keeps everything that it might name; a damaged history keeps all there is.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cdiscount_tasks.artifacts.files import read_input
from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.artifacts.manifest import MANIFEST
from cdiscount_tasks.artifacts.notes import noted_results
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.reviewed_lists import lists_named
from cdiscount_tasks.reports.folders import report_folders
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.decisions import Candidate, Decision, Entry, Look, promotions
from cdiscount_tasks.runs.folders import catalogue_fault, run_folder
from cdiscount_tasks.runs.kept_predictions import name_lone_pages, name_predictions
from cdiscount_tasks.runs.kept_runs import (
    COMPARISON,
    SAMPLE_NAME,
    FoundRun,
    find_runs,
    group_folders,
    iter_kept,
    linked_folders,
)
from cdiscount_tasks.runs.needed import References
from cdiscount_tasks.runs.predictions import PREDICTIONS
from cdiscount_tasks.settings.comparison import ComparisonConfig
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.path_faults import fault_of

logger = logging.getLogger(__name__)

OF_CHAMPION = "a champion of the history"
OF_JUDGEMENT = "a look or a decision of the history"
OF_COMPARISON = "a comparison that is kept"
OF_REPORT = "a report whose run's folder is gone"
OF_FIXES = "label fixes, which name the list that they come from"
OF_CATALOGUE = "the catalogue that is set"
OF_MODEL = "a file for other programs, of a model that is kept"
MADE_FROM = "an artifact that is kept was made from it"


def _group_path(group: str) -> str:
    return COMPARISON if group == COMPARISON else f"samples/{group}"


def _named_by_report(report_dir: Path, group: str) -> tuple[list[str], list[str]]:
    """Return the artifacts that a report was made from, and among them by name alone the index.

    Raises:
        DataError: If neither its manifest nor its metrics.json can be read.
    """
    try:
        artifacts = read_metrics(report_dir)["lineage"]["artifacts"]
        names = [str(artifact["name"]) for artifact in artifacts.values()]
    except (DataError, *DAMAGE) as error:
        logger.info("%s: what it was made from is read from its manifest (%s)", report_dir, error)
        try:
            inputs = json.loads((report_dir / MANIFEST).read_bytes())["inputs"]
            names = [f"{step}-{identity}" for step, identity in inputs.items()]
        except (FileNotFoundError, *DAMAGE) as damage:
            raise DataError(f"{report_dir}: cannot be read ({damage}); mend or remove that report") from damage
    indexes = [name for name in names if name.startswith("index-")]
    return [f"{_group_path(group)}/{name}" for name in names if name not in indexes], indexes


def _name_artifacts(found: References, run: FoundRun, why: str) -> None:
    """Note what a run that is kept has used or made, by its notes and by its report."""
    faults, num_read = [], 0
    try:
        noted = noted_results(run.folder)
        found.name((str(result["path"]) for result in noted.values() if "path" in result), why)
        num_read += 1
    except (DataError, *DAMAGE) as error:
        faults.append(str(error))
    if run.finished is not None and run.report_dir is not None and run.group != COMPARISON:
        try:
            paths, indexes = _named_by_report(run.report_dir, run.group)
            found.name(paths, why)
            found.indexes.update(dict.fromkeys(indexes, why))
            num_read += 1
        except DataError as error:
            faults.append(str(error))
    if not num_read:
        found.do_not_know(["samples", COMPARISON] if run.group == COMPARISON else [_group_path(run.group)], faults[0])


def _keep_run(found: References, run: FoundRun, why: str, work_dir: Path) -> None:
    relative = run.folder.relative_to(work_dir).as_posix()
    found.name([relative], why)
    _name_artifacts(found, run, why)


def _compared(found: References, run: FoundRun) -> Sequence[tuple[str, str]]:
    """Return the sample and the folder of each run that a comparison compares."""
    try:
        config = ComparisonConfig.model_validate_json((run.folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []  # it has not chosen any yet
    except (ValueError, RecursionError) as error:
        told = f"{run.folder / 'config.json'}: is damaged ({type(error).__name__}); remove {run.folder}"
        found.do_not_know(["samples", COMPARISON], told)
        return []
    return [(chosen.sample, run_folder(chosen.run_id)) for chosen in config.runs]


def _read_histories(environment: Environment, refusal: str) -> Iterator[tuple[str, list[Entry]]]:
    """Yield each sample's history.

    Args:
        environment: Where things are.
        refusal: What is not done where one is damaged, as `nothing is removed`.

    Raises:
        DataError: If one is damaged: which champions it has cannot be known.
    """
    parent = environment.work_dir / "registry"
    for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
        if SAMPLE_NAME.fullmatch(folder.name) and folder.is_dir():
            try:
                yield folder.name, registry.history(folder.name, environment)
            except DataError as error:
                raise DataError(f"{refusal}, since the history of {folder.name} is needed: {error}") from error


def _name_champion(found: References, candidate: Candidate, work_dir: Path) -> None:
    found.name((candidate.model, candidate.evaluation, candidate.labels, candidate.sample), OF_CHAMPION)
    folder = work_dir / "samples" / candidate.sample_name / "runs" / run_folder(candidate.run_id)
    if run := found.runs.get(folder):
        _keep_run(found, run, OF_CHAMPION, work_dir)


def _name_history(found: References, entries: Sequence[Entry], work_dir: Path) -> None:
    for made in promotions(entries):
        _name_champion(found, made.candidate, work_dir)
    for entry in entries:
        if isinstance(entry, Look):
            found.name([entry.judgement], OF_JUDGEMENT)
        elif isinstance(entry, Decision):
            found.name([entry.judged.judgement], OF_JUDGEMENT)


def _decided(entries: Sequence[Entry]) -> set[tuple[str, str]]:
    """Return about which judgement of which run a history has a decision."""
    decisions = (entry for entry in entries if isinstance(entry, Decision))
    return {(run_folder(one.candidate.run_id), one.judged.judgement) for one in decisions}


def _name_lone_reports(found: References, environment: Environment) -> None:
    """Note what reports name whose run has no folder here: it was removed, or is of another data root."""
    for report_dir, _ in report_folders(environment.reports_dir):
        group_dir = environment.work_dir / "samples" / report_dir.parent.name
        if group_dir / "runs" / report_dir.name in found.runs or not group_dir.is_dir():
            continue
        try:
            paths, indexes = _named_by_report(report_dir, group_dir.name)
        except DataError as error:
            found.do_not_know([_group_path(group_dir.name)], str(error))
            continue
        found.name(paths, OF_REPORT)
        found.indexes.update(dict.fromkeys(indexes, OF_REPORT))


def _name_outside(found: References, environment: Environment) -> None:
    """Note what people's label fixes name, and the index of the catalogue that is set."""
    for group_dir in group_folders(environment.work_dir):
        fixes_path = environment.label_fixes_dir / f"{group_dir.name}.csv"
        if fault_of(fixes_path, "file") is None:
            keys = lists_named(read_input(fixes_path).decode("utf-8", errors="replace"))
            found.name((f"{_group_path(group_dir.name)}/audit-{key}" for key in keys), OF_FIXES)
    try:
        if (fault := catalogue_fault(environment.catalogue_path)) is None:
            found.name([f"catalogues/{fingerprint(environment.catalogue_path)}"], OF_CATALOGUE)
            return
    except (ConfigError, StoreAway) as error:
        fault = str(error)
    # It may be on a disk that is not mounted now; a real one takes an hour to index again.
    found.do_not_know([], f"{environment.catalogue_path}, the catalogue that is set: {fault}")


def _manifest_of(artifact_dir: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads((artifact_dir / MANIFEST).read_bytes())
        return manifest if isinstance(manifest, dict) and isinstance(manifest.get("inputs"), dict) else {}
    except (FileNotFoundError, NotADirectoryError, *DAMAGE):
        return {}


def _name_inputs(found: References, work_dir: Path) -> None:
    """Note what artifacts that are kept were made from, and what those were made from.

    An artifact is known by its key; the index by its content, and is named by the runs. A judgement that the history
    names says by itself what was looked at: else each model that was ever judged would be kept.
    """
    groups = (f"{COMPARISON}/", "samples/")
    left = [path for path, why in found.named.items() if path.startswith(groups) and why != OF_JUDGEMENT]
    while left:
        path = PurePosixPath(left.pop())
        identities = set(map(str, _manifest_of(work_dir / path).get("inputs", {}).values()))
        if not identities or not (work_dir / path.parent).is_dir():
            continue
        for beside in (work_dir / path.parent).iterdir():
            name = (path.parent / beside.name).as_posix()
            if beside.name.rpartition("-")[2] in identities and name not in found.named:
                found.name([name], MADE_FROM)
                left.append(name)


def _name_exports(found: References, work_dir: Path) -> None:
    """Note the exports of models that are kept."""
    for group_dir in group_folders(work_dir):
        for export_dir in sorted(group_dir.glob("export-*")):
            model_dir = group_dir / f"model-{_manifest_of(export_dir).get('inputs', {}).get('model')}"
            if model_dir.relative_to(work_dir).as_posix() in found.named:
                found.name([export_dir.relative_to(work_dir).as_posix()], OF_MODEL)


def find_references_of_champions(environment: Environment) -> References:
    """Find what champions need, those of before too: their artifacts and runs, and the judgements that histories name.

    Raises:
        DataError: If a history is damaged.
        OSError: If something cannot be read for now.
    """
    found, work_dir = References(), environment.work_dir
    groups = (folder for folder in group_folders(work_dir) if folder.parent.name == "samples")
    found.runs = {run.folder: run for folder in groups for run in find_runs(environment, folder)}
    for _, entries in _read_histories(environment, "nothing is backed up"):
        _name_history(found, entries, work_dir)
    _name_inputs(found, work_dir)
    return found


def find_references(environment: Environment, keep_runs: int | None) -> References:
    """Find what of a data root is needed, and by whom.

    Args:
        environment: Where things are.
        keep_runs: How many finished runs of each sample are kept; None: all that have a report.

    Raises:
        DataError: If a history is damaged.
        OSError: If something cannot be read for now.
    """
    found, work_dir = References(), environment.work_dir
    for link in linked_folders(work_dir):
        found.do_not_know(["samples", COMPARISON, PREDICTIONS], f"{link} is a link, and links are not followed")
    histories = list(_read_histories(environment, "nothing is removed"))
    by_group = {folder: find_runs(environment, folder) for folder in group_folders(work_dir)}
    found.runs = {run.folder: run for runs in by_group.values() for run in runs}
    for _, entries in histories:
        _name_history(found, entries, work_dir)
    decided = {name: _decided(entries) for name, entries in histories}
    name_predictions(found, by_group.pop(work_dir / PREDICTIONS, []), keep_runs, work_dir)
    for group, runs in by_group.items():
        for run, why in iter_kept(runs, keep_runs, decided.get(group.name, set())):
            _keep_run(found, run, why, work_dir)
            for sample, folder in _compared(found, run) if run.group == COMPARISON else ():
                if compared := found.runs.get(work_dir / "samples" / sample / "runs" / folder):
                    _keep_run(found, compared, OF_COMPARISON, work_dir)
    if keep_runs is None:
        _name_lone_reports(found, environment)
        name_lone_pages(found, environment)
    _name_outside(found, environment)
    _name_exports(found, work_dir)
    _name_inputs(found, work_dir)
    return found
