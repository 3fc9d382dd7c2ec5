"""The runs of a data root, and why each is kept: it is going, it may be taken up again, or its report is kept."""

import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts import bucket_listing
from cdiscount_tasks.artifacts.json_files import DAMAGE, read_json
from cdiscount_tasks.artifacts.manifest import MANIFEST, when_finished
from cdiscount_tasks.artifacts.notes import noted_results
from cdiscount_tasks.artifacts.removal import is_real_folder, size_and_change
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.comparison import comparison_folder
from cdiscount_tasks.runs.folders import SKIPPED
from cdiscount_tasks.runs.predictions import PREDICTIONS
from cdiscount_tasks.runs.training_note import noted_training
from cdiscount_tasks.settings.comparison import ComparisonConfig
from cdiscount_tasks.settings.environment import Environment

logger = logging.getLogger(__name__)

COMPARISON = "comparison"
"""The folder beside those of the samples, whose runs are comparisons."""

DAY_S = 24 * 3600.0
TAKEN_UP_S = 14 * DAY_S
"""A run without a report may be continued, by clearing its failed task: for so long after its last change."""

SAMPLE_NAME = re.compile(r"[a-z0-9_]{1,64}")
_RUN_FOLDER = re.compile(r"[A-Za-z0-9._-]{0,200}-[0-9a-f]{6}")

YOUNG = "a run of the last day, which may still be going"
TAKEN_UP = "a run without a report, of the last 14 days, which may be continued"
HAS_REPORT = "a run that has a report"
IS_NEWEST = "a run among the newest of its sample"
UNDECIDED = "a run whose model was judged and not decided about: a person may be asked, or its failed task cleared"
OF_PRESET = "the newest run of its preset, with which a scheduled run is compared"


class FoundRun(NamedTuple):
    """A run of a sample, a comparison, or predictions.

    Attributes:
        group: The sample's name, `comparison` or `predictions`.
        folder: Its own.
        report_dir: Where its report is or would be; None: its config does not tell.
        finished: When its report was finished; None: it has none.
        changed_s: When anything of it was written last, in seconds since 1970.
        is_skipped: Whether it was skipped, since nothing had changed.
        preset: Of a sample's run; None: its config does not tell.
        judgement: Its judgement artifact, relative to the data root; None: it was not judged.
        answer_s: For how many seconds a person may be asked about it.
        asked_sample: Of predictions: whose model is asked; None: its config does not tell, and it has no page.
    """

    group: str
    folder: Path
    report_dir: Path | None
    finished: datetime | None
    changed_s: float
    is_skipped: bool
    preset: str | None = None
    judgement: str | None = None
    answer_s: float = 0.0
    asked_sample: str | None = None

    @property
    def is_young(self) -> bool:
        """Tell whether something of it was written within a day, or by a clock that is ahead."""
        return time.time() - self.changed_s < DAY_S

    @property
    def is_going(self) -> bool:
        """Tell whether it may be at work; between two of its tasks nothing is written, while it waits for a GPU."""
        return self.is_young and self.finished is None and not self.is_skipped

    def may_need(self, folder: PurePosixPath) -> bool:
        """Tell whether it may need what is in a folder of the data root, while it is going.

        Args:
            folder: Relative to the data root.
        """
        place = folder.parts[0]
        if place == "catalogues":
            return True  # all samples share the indexes
        if self.group == COMPARISON:
            return place in ("samples", COMPARISON)
        if self.group == PREDICTIONS:
            return place in ("samples", PREDICTIONS) and self.asked_sample in (None, folder.name)
        return folder == PurePosixPath("samples", self.group)


def _group_dirs(work_dir: Path) -> list[Path]:
    samples = work_dir / "samples"
    found = sorted(path for path in samples.iterdir() if SAMPLE_NAME.fullmatch(path.name)) if samples.is_dir() else []
    return [*found, work_dir / COMPARISON, work_dir / PREDICTIONS]


def group_folders(work_dir: Path) -> list[Path]:
    """Return the folders of samples, of comparisons and of predictions; links and foreign names are left out.

    Raises:
        OSError: If one cannot be looked at for now.
    """
    is_linked = (work_dir / "samples").is_symlink()
    groups = (path for path in _group_dirs(work_dir) if not (is_linked and path.parent != work_dir))
    return [path for path in groups if is_real_folder(path)]


def linked_folders(work_dir: Path) -> list[Path]:
    """Return the links where runs would be looked for: what those runs need is not known."""
    groups = _group_dirs(work_dir)
    return [
        path for path in (work_dir / "samples", *groups, *(group / "runs" for group in groups)) if path.is_symlink()
    ]


def _comparison_report_dir(environment: Environment, folder: Path) -> Path | None:
    try:
        config = ComparisonConfig.model_validate_json((folder / "config.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return environment.reports_dir / COMPARISON / comparison_folder([run.sample for run in config.runs])


def _frozen(folder: Path) -> Mapping[str, Any]:
    """Return a run's frozen config as it was written; empty: it is missing or damaged."""
    try:
        return read_json(folder / "config.json")
    except DataError:
        return {}


def _asked_sample(config: Mapping[str, Any], report_dir: Path | None) -> str | None:
    """Return whose model a predictions run asks, by its config, or else by where its page is."""
    for name in (config.get("sample"), None if report_dir is None else report_dir.parent.name):
        if isinstance(name, str) and SAMPLE_NAME.fullmatch(name):
            return name
    return None


def _judgement_of(folder: Path) -> str | None:
    try:
        return str(noted_results(folder)["judgement"]["path"])
    except (DataError, *DAMAGE):
        return None


def _answer_s(config: Mapping[str, Any]) -> float:
    """Return for how long a person may be asked about a run, in seconds."""
    try:
        promotion = config["sample"]["promotion"]
        return 3600.0 * float(promotion["approval_hours"]) if promotion["approval"] == "required" else 0.0
    except DAMAGE:
        return 0.0  # of a version that asked nobody


def _when_finished(report_dir: Path | None) -> datetime | None:
    if report_dir is None or not (report_dir / MANIFEST).is_file():
        return None
    return when_finished(report_dir)


def _found_run(environment: Environment, group: str, folder: Path) -> FoundRun:
    report_dir: Path | None
    if group == COMPARISON:
        report_dir = _comparison_report_dir(environment, folder)
    elif group == PREDICTIONS:
        # Below its sample's name, which a damaged config does not tell.
        report_dir = next(iter(sorted(environment.reports_dir.glob(f"{PREDICTIONS}/*/{folder.name}"))), None)
    else:
        report_dir = environment.reports_dir / group / folder.name
    _, changed_s = size_and_change(folder)
    mark = folder / SKIPPED
    is_skipped = mark.is_file() and bucket_listing.changed_s(mark) > changed_s - 1  # else it was continued after all
    if group not in (COMPARISON, PREDICTIONS) and (training_dir := noted_training(folder)):
        changed_s = max(changed_s, size_and_change(training_dir)[1])
    finished = _when_finished(report_dir)
    if group == COMPARISON and finished is not None:
        # Comparisons of the same samples share a page: which of them is newest only their folders tell.
        finished = datetime.fromtimestamp(changed_s, UTC)
    found = FoundRun(group, folder, report_dir, finished, changed_s, is_skipped)
    if group == COMPARISON:
        return found
    config = _frozen(folder)
    if group == PREDICTIONS:
        return found._replace(asked_sample=_asked_sample(config, report_dir))
    preset = str(config["preset"]) if "preset" in config else None
    return found._replace(preset=preset, judgement=_judgement_of(folder), answer_s=_answer_s(config))


def find_runs(environment: Environment, group_dir: Path) -> list[FoundRun]:
    """Return the runs of a sample, the comparisons, or the predictions, by name of their folders; without links.

    Raises:
        OSError: If one cannot be looked at for now.
    """
    runs_dir = group_dir / "runs"
    if not is_real_folder(runs_dir):
        return []
    folders = sorted(path for path in runs_dir.iterdir() if _RUN_FOLDER.fullmatch(path.name) and is_real_folder(path))
    return [_found_run(environment, group_dir.name, folder) for folder in folders if not folder.name.startswith(".")]


def _is_undecided(run: FoundRun, decided: Collection[tuple[str, str]]) -> bool:
    """Tell whether a decision about a judged run may still come: its last task waits for a person, or has failed."""
    if run.judgement is None or (run.folder.name, run.judgement) in decided:
        return False
    return time.time() - run.changed_s < run.answer_s + TAKEN_UP_S


def iter_kept(
    runs: Sequence[FoundRun], keep_runs: int | None, decided: Collection[tuple[str, str]] = ()
) -> Iterator[tuple[FoundRun, str]]:
    """Yield the runs of one sample that are kept for their own sake, each with why.

    Args:
        runs: All of the sample.
        keep_runs: How many of those that have a report, by when it was finished; None: all.
        decided: The decisions of the sample's history: the folder of the run and its judgement.
    """
    finished = sorted((run.finished, run.folder.name, run.preset) for run in runs if run.finished is not None)
    newest = {name for _, name, _ in finished[-keep_runs if keep_runs is not None else 0 :]}
    of_preset = {preset: name for _, name, preset in finished if preset is not None}  # the last one stays
    for run in runs:
        if run.folder.name in newest:
            yield run, HAS_REPORT if keep_runs is None else IS_NEWEST
        elif run.preset is not None and of_preset.get(run.preset) == run.folder.name:
            yield run, OF_PRESET
        elif _is_undecided(run, decided):
            yield run, UNDECIDED
        elif run.is_young:
            yield run, YOUNG
        elif run.finished is None and not run.is_skipped and time.time() - run.changed_s < TAKEN_UP_S:
            yield run, TAKEN_UP
