"""What stands in the reports folder, read from its files. Loads nothing heavy: Airflow's API server reads it too."""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.bucket import paths_of_artifacts
from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.artifacts.manifest import MANIFEST, finished_at, read_listed
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.pages.overview.rows import FinishedPage, FinishedReport, SkippedRun, UnreadableReport, report_row
from cdiscount_tasks.reports.metrics import METRICS, damaged, read_metrics

logger = logging.getLogger(__name__)

PREDICTIONS_FOLDER, PREDICTIONS_PAGE = "predictions", "predictions.html"
"""Beside the samples' reports: the folder of what was predicted, a folder a sample; the name of such a page."""

PAGES = ("catalogue", "comparison", PREDICTIONS_FOLDER)
"""The folders beside those of the samples."""

PAIRS, PAIR_PAGE = "compare", "compare.html"
"""Beside a sample's reports: the folder of pages of two of its runs, a folder each; the name of such a page."""

REPORTS_SETTING = "CDISCOUNT_REPORTS"
"""The environment variable that moves the reports folder, for sentences about a full or unwritable disk."""

SKIP_NOTE = "skipped.json"
"""Beside a sample's reports: which run was skipped last, when, and why."""

CHAMPION_NOTE = "champion.json"
"""Beside a sample's reports: whose model is the champion. The registry is the truth; this is what the index reads."""

DECISIONS_NOTE = "decisions.json"
"""Beside a sample's reports: what was decided of each run, by its folder; written as the note of the champion is."""

Report = FinishedReport | UnreadableReport


def _row_of(metrics: dict[str, Any], folder: Path, link: str, finished: datetime) -> FinishedReport:
    try:
        return report_row(metrics, link, finished)
    except DAMAGE as error:
        raise damaged(folder, error) from error


def read_report(reports_dir: Path, folder: Path, written: datetime) -> Report:
    """Read one run's folder; what is no report of this schema becomes a row that says so.

    Args:
        reports_dir: The folder of all reports.
        folder: The run's.
        written: When it was last written to, in UTC: when the run finished, where its manifest does not say.
    """
    report = folder / "report.html"
    link = report.relative_to(reports_dir).as_posix()
    finished = written
    try:
        finished = finished_at(read_listed(folder), written)
        return _row_of(read_metrics(folder), folder, link, finished)
    except DataError as error:
        reason = str(error).replace(f"{folder}/", "").replace(str(folder), "the folder")
    except OSError as error:
        reason = f"it cannot be read for now ({error.strerror or error}): look again in a minute"
    logger.warning("the index of reports cannot read %s: %s", folder, reason)
    return UnreadableReport(folder.parent.name, link if report.is_file() else None, folder.name, finished, reason)


def _is_hidden(path: Path, reports_dir: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(reports_dir).parts)


def report_folders(reports_dir: Path) -> list[tuple[Path, datetime]]:
    """Return the folder of every run that has one, and when it was last written to, in UTC.

    That is not when the run finished, which `read_report` finds: of a copied folder, it is when it was copied.
    """
    found = []
    for folder in sorted({path.parent for name in (METRICS, MANIFEST) for path in reports_dir.glob(f"*/*/{name}")}):
        if _is_hidden(folder, reports_dir) or folder.parent.name in PAGES:
            continue
        try:
            written = max(path.stat().st_mtime for path in (folder / MANIFEST, folder / METRICS) if path.exists())
        except (OSError, ValueError):
            continue  # removed a moment ago
        found.append((folder, datetime.fromtimestamp(written, UTC)))
    return found


def oldest_first(reports: Sequence[Report]) -> list[Report]:
    """Return reports by sample, and of a sample the oldest first."""
    return sorted(reports, key=lambda report: (report.sample, report.finished, report.link or ""))


def read_skips(reports_dir: Path) -> list[SkippedRun]:
    """Read which run of each sample was skipped last; a note that cannot be read is told and left out."""
    found = []
    for path in sorted(reports_dir.glob(f"*/{SKIP_NOTE}")):
        if _is_hidden(path, reports_dir):
            continue
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(note["at"]).astimezone(UTC)
            found.append(SkippedRun(path.parent.name, at, str(note["run_id"]), str(note["reason"])))
        except (OSError, *DAMAGE) as error:
            logger.warning("the index of reports cannot read %s: %s", path, error)
    return found


def finished_pages(reports_dir: Path, stage: str, pattern: str) -> Iterator[FinishedPage]:
    """Give the pages of a stage that stand whole: `catalogue_page`, `comparison`, `two_runs`, `predictions_page`."""
    for path in paths_of_artifacts(reports_dir, pattern):
        if _is_hidden(path, reports_dir):
            continue
        try:
            written = datetime.fromtimestamp((path.parent / MANIFEST).stat().st_mtime, UTC)
            manifest = read_listed(path.parent)
        except (DataError, OSError) as error:
            logger.warning("the index of reports leaves one out: %s", error)
            continue
        if manifest.get("stage") == stage:
            link = path.relative_to(reports_dir).as_posix()
            yield FinishedPage(link, finished_at(manifest, written), manifest["result"])


def catalogue_pages(reports_dir: Path) -> list[FinishedPage]:
    """Return the pages of catalogues."""
    return list(finished_pages(reports_dir, "catalogue_page", "catalogue/*/catalogue.html"))


def pair_pages(reports_dir: Path) -> list[FinishedPage]:
    """Return the pages of two runs of a sample side by side."""
    return list(finished_pages(reports_dir, "two_runs", f"*/{PAIRS}/*/{PAIR_PAGE}"))


def prediction_pages(reports_dir: Path) -> list[FinishedPage]:
    """Return the pages of predictions; the second part of a link is the sample whose model answered."""
    return list(finished_pages(reports_dir, "predictions_page", f"{PREDICTIONS_FOLDER}/*/*/{PREDICTIONS_PAGE}"))


def comparison_pages(reports_dir: Path) -> list[FinishedPage]:
    """Return the comparisons of samples; of the same samples the newest, in whatever folder an older version put it."""
    found = finished_pages(reports_dir, "comparison", "comparison/*/comparison.html")
    newest_last = sorted(found, key=lambda page: (page.finished, page.link))
    return list({tuple(page.facts.get("samples") or (page.link,)): page for page in newest_last}.values())
