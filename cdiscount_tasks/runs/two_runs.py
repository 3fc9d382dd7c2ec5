"""Which two runs of a sample are put side by side, and where their page is."""

import logging
from collections.abc import Sequence
from pathlib import Path

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.reports.folders import PAIRS, REPORTS_SETTING, report_folders
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.folders import pair_folder, run_folder
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.stages.two_runs import TwoRunsResult, write_two_runs

logger = logging.getLogger(__name__)


def _choose_reports(reports_dir: Path, sample_name: str, wanted: Sequence[str]) -> tuple[Path, Path]:
    """Return the report folders of two runs, given by id or by folder.

    Raises:
        ConfigError: If one is unknown, or both are the same; names those that there are.
    """
    known = [folder for folder, _ in report_folders(reports_dir) if folder.parent.name == sample_name]
    if not known:
        samples = sorted({folder.parent.name for folder, _ in report_folders(reports_dir)})
        raise ConfigError(
            f"{reports_dir} has no report of a sample {sample_name!r}; it has those of: {', '.join(samples) or 'none'}"
        )
    by_name = {folder.name: folder for folder in known}
    found = [by_name.get(one) or by_name.get(run_folder(one)) for one in wanted]
    for one, folder in zip(wanted, found, strict=True):
        if folder is None:
            raise ConfigError(
                f"sample {sample_name} has no report of a run {one!r}; it has: {', '.join(sorted(by_name))}"
            )
    if len(found) != 2 or found[0] is None or found[1] is None or found[0] == found[1]:
        raise ConfigError(f"expected two different runs of sample {sample_name}, found {', '.join(wanted) or 'none'}")
    return found[0], found[1]


def _picture_dirs(sample_name: str, report_dirs: Sequence[Path]) -> dict[str, Path] | None:
    """Return the sample and labels of one of the runs, the second first; None: neither has them on this machine."""
    for report_dir in reversed(report_dirs):
        try:
            folders = open_run(sample_name, str(read_metrics(report_dir)["run_id"])).folders()
            return {name: folders[name] for name in ("sample", "labels") if read_manifest(folders[name])}
        except (DataError, OSError, *DAMAGE) as error:
            logger.info("the pictures of %s are not used: %s", report_dir, error)
    return None


def compare_two_runs(reports_dir: Path, sample_name: str, wanted: Sequence[str]) -> TwoRunsResult:
    """Put two runs of a sample side by side, and list the page in the index of reports.

    Args:
        reports_dir: The folder of all reports.
        sample_name: Of both runs.
        wanted: Two run ids, or names of report folders; differences are those of the second against the first.

    Raises:
        ConfigError: If the runs are not there, or the folder is full or cannot be written.
        DataError: If a report is damaged or of another schema.
    """
    report_dirs = _choose_reports(reports_dir, sample_name, wanted)
    out_dir = reports_dir / sample_name / PAIRS / pair_folder(*(report_dir.name for report_dir in report_dirs))
    with disk_faults_told(out_dir.parent, REPORTS_SETTING):
        out_dir.parent.mkdir(parents=True, exist_ok=True)
    result = write_two_runs(report_dirs, out_dir, _picture_dirs(sample_name, report_dirs))
    write_reports_index(reports_dir)
    return result
