"""What the lists show: finished reports from the folder, and the runs that Airflow knows and that have none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cdiscount_airflow.reports import airflow_runs
from cdiscount_airflow.reports.airflow_runs import AirflowRun
from cdiscount_airflow.reports.files import folder_of, has_file, has_pair_file, has_predictions_file
from cdiscount_airflow.reports.judged_lists import LIST_FILE
from cdiscount_airflow.reports.owners import (
    CATALOGUE_DAG,
    COMPARISON_DAG,
    PREDICTIONS_DAG,
    dags_of_folder,
    sample_dag_of,
    sample_of,
)
from cdiscount_tasks.pages.overview.page import SampleRuns, newest_first, runs_by_sample
from cdiscount_tasks.pages.overview.rows import FinishedPage, UnreadableReport
from cdiscount_tasks.reports.changes import with_changes
from cdiscount_tasks.reports.decided import with_decisions
from cdiscount_tasks.reports.disk import disk_warning
from cdiscount_tasks.reports.folders import (
    Report,
    catalogue_pages,
    comparison_pages,
    oldest_first,
    pair_pages,
    prediction_pages,
    read_report,
    read_skips,
    report_folders,
)
from cdiscount_tasks.runs.folders import run_folder

NUM_SHOWN_WITHOUT_REPORT = 20

MayRead = Callable[[str], bool]


@dataclass(frozen=True)
class Section:
    """What a list shows of one DAG.

    Attributes:
        title: Of the sample, or of the DAG where it has no report yet.
        dag_id: The DAG.
        reports: Finished runs, None where there are none.
        without_report: Runs that wait or run, and those that failed or ended without a report since the newest report;
            the newest first.
        earlier: Those that failed or ended without a report before that.
        num_left_out: So many more of those.
        known: What Airflow knows of the runs that have a report, by the name of their folder.
        pages: Of the catalogue's DAG and of the comparison's: their finished pages.
        has_list: Whether a report has a list of label suspects that can be judged.
    """

    title: str
    dag_id: str
    reports: SampleRuns | None = None
    without_report: Sequence[AirflowRun] = ()
    earlier: Sequence[AirflowRun] = ()
    num_left_out: int = 0
    known: Mapping[str, AirflowRun] = field(default_factory=dict)
    pages: Sequence[FinishedPage] = ()
    has_list: bool = False


@dataclass(frozen=True)
class Lists:
    """Everything that a page lists."""

    samples: Sequence[Section]
    comparison: Section | None
    catalogue: Section | None
    predictions: Section | None = None
    disk_warning: str = ""

    @property
    def any_drawn(self) -> bool:
        """Tell whether a report of the demo catalogue, or predictions of it or by a model of it, are among them."""
        rows = [row for section in self.samples if section.reports for row in section.reports.rows]
        predictions = self.predictions.pages if self.predictions else ()
        return any(not isinstance(row, UnreadableReport) and row.drawn for row in (*rows, *predictions))


@lru_cache(maxsize=2048)
def _read(reports_dir: Path, folder: Path, written: datetime) -> Report:
    """Read a report's folder once for each time that it was written.

    It belongs to the sample in whose folder it is, whatever its metrics.json says: that is the one the user may read.
    """
    return replace(read_report(reports_dir, folder, written), sample=folder.parent.name)


def _reports(reports_dir: Path, wanted: MayRead) -> list[Report]:
    """Read the reports of the DAGs that are wanted; a link among the folders is left out."""
    reports = [
        _read(reports_dir, folder, written)
        for folder, written in report_folders(reports_dir)
        if wanted(sample_dag_of(folder.parent.name)) and folder_of(reports_dir, folder.parent.name, folder.name)
    ]
    return with_decisions(reports_dir, with_changes(reports_dir, oldest_first(reports)))


def _pages(reports_dir: Path, pages: Sequence[FinishedPage], may_read: MayRead) -> list[FinishedPage]:
    kept = []
    for page in pages:
        group, folder, _ = page.link.split("/")
        if all(map(may_read, dags_of_folder(reports_dir, group, folder))) and folder_of(reports_dir, group, folder):
            kept.append(page)
    return newest_first(kept)


def _pairs(reports_dir: Path, may_read: MayRead) -> list[FinishedPage]:
    """Return pages of two runs of a sample, which are for those who may read the sample's reports."""
    kept = []
    for page in pair_pages(reports_dir):
        sample, _, folder, name = page.link.split("/")
        if may_read(sample_dag_of(sample)) and has_pair_file(reports_dir, sample, folder, name):
            kept.append(page)
    return newest_first(kept)


def _is_news(run: AirflowRun, newest: datetime | None) -> bool:
    """Say whether a run without a report is listed above the finished ones: it has not ended, or failed after them.

    One that ended well without a report was skipped; the sentence above the table says why.
    """
    if run.ended is None or newest is None:
        return True
    return run.state == "failed" and run.ended.replace(tzinfo=run.ended.tzinfo or UTC) > newest


def _section(
    dag_id: str, title: str, folders: set[str], reports: SampleRuns | None = None, pages: Sequence[FinishedPage] = ()
) -> Section:
    runs = airflow_runs.runs_of(dag_id)
    if sample_of(dag_id) is None:
        without = [run for run in runs if run.state != "success"]  # what they write is not in a folder of the run
    else:
        without = [run for run in runs if run_folder(run.run_id) not in folders]
    shown = without[:NUM_SHOWN_WITHOUT_REPORT]
    newest = max((row.finished for row in (*(reports.rows if reports else ()), *pages)), default=None)
    return Section(
        title=title,
        dag_id=dag_id,
        reports=reports,
        without_report=[run for run in shown if _is_news(run, newest)],
        earlier=[run for run in shown if not _is_news(run, newest)],
        num_left_out=len(without) - len(shown),
        known={run_folder(run.run_id): run for run in runs if run_folder(run.run_id) in folders},
        pages=pages,
    )


def _sample_sections(reports_dir: Path, may_read: MayRead, dag_ids: Sequence[str]) -> list[Section]:
    found = runs_by_sample(_reports(reports_dir, may_read), read_skips(reports_dir), _pairs(reports_dir, may_read))
    by_sample = {one.name: one for one in found}
    folders = {name: {path.name for path in (reports_dir / name).iterdir()} for name in by_sample}
    names = sorted(by_sample.keys() | {name for name in map(sample_of, dag_ids) if name})
    return [
        replace(
            _section(sample_dag_of(name), one.title if one else name, folders.get(name, set()), one),
            has_list=any(has_file(reports_dir, name, folder, LIST_FILE) for folder in folders.get(name, ())),
        )
        for name in names
        for one in [by_sample.get(name)]
    ]


def _page_section(dag_id: str, title: str, pages: Sequence[FinishedPage]) -> Section | None:
    section = _section(dag_id, title, set(), pages=pages)
    return section if section.pages or section.without_report or section.earlier else None


def list_all(reports_dir: Path, may_read: MayRead) -> Lists:
    """List what a user may read."""
    dag_ids = list(filter(may_read, airflow_runs.dag_ids()))
    return Lists(
        samples=_sample_sections(reports_dir, may_read, dag_ids),
        comparison=_comparison(reports_dir, may_read) if may_read(COMPARISON_DAG) else None,
        catalogue=_catalogue(reports_dir, may_read) if may_read(CATALOGUE_DAG) else None,
        predictions=_predictions(reports_dir, may_read, may_see_runs=may_read(PREDICTIONS_DAG)),
        disk_warning=disk_warning(reports_dir),
    )


def _comparison(reports_dir: Path, may_read: MayRead) -> Section | None:
    pages = _pages(reports_dir, comparison_pages(reports_dir), may_read)
    return _page_section(COMPARISON_DAG, "Comparison" if len(pages) <= 1 else "Comparisons", pages)


def _catalogue(reports_dir: Path, may_read: MayRead) -> Section | None:
    pages = _pages(reports_dir, catalogue_pages(reports_dir), may_read)
    return _page_section(CATALOGUE_DAG, "The catalogue" if len(pages) <= 1 else "Catalogues", pages)


def _predictions(reports_dir: Path, may_read: MayRead, *, may_see_runs: bool) -> Section | None:
    """List predictions, which are for those who may read the reports of the sample whose model answered."""
    kept = []
    for page in prediction_pages(reports_dir):
        _, sample, folder, name = page.link.split("/")
        if may_read(sample_dag_of(sample)) and has_predictions_file(reports_dir, sample, folder, name):
            kept.append(page)
    if may_see_runs:
        return _page_section(PREDICTIONS_DAG, "Predictions", newest_first(kept))
    return Section("Predictions", PREDICTIONS_DAG, pages=newest_first(kept)) if kept else None


def _predictions_of(reports_dir: Path, dag_id: str, may_read: MayRead) -> Section | None:
    """List the predictions that belong to a DAG: all for that which predicts, its own for a sample."""
    if dag_id == PREDICTIONS_DAG:
        return _predictions(reports_dir, may_read, may_see_runs=True)
    if sample_of(dag_id) is None:
        return None
    return _predictions(reports_dir, lambda other: other == dag_id, may_see_runs=False)


def list_dag(reports_dir: Path, dag_id: str, may_read: MayRead) -> Lists:
    """List what a single DAG has written and has going.

    Args:
        reports_dir: CDISCOUNT_REPORTS.
        dag_id: One that the user may read; a DAG of a different project has an empty list.
        may_read: Tells of other DAGs whether the user may read them: a comparison shows several samples.
    """
    sample = sample_of(dag_id)
    samples = _sample_sections(reports_dir, lambda other: other == dag_id, [dag_id]) if sample else []
    return Lists(
        samples=samples,
        comparison=_comparison(reports_dir, may_read) if dag_id == COMPARISON_DAG else None,
        catalogue=_catalogue(reports_dir, may_read) if dag_id == CATALOGUE_DAG else None,
        predictions=_predictions_of(reports_dir, dag_id, may_read),
    )
