"""The index of all that stands in the reports folder: finished runs of samples, pages of catalogues."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reporting.pages import FinishedCatalogue, FinishedReport, render_index
from cdiscount_tasks.reporting.summary import SCHEMA_VERSION
from cdiscount_tasks.storage.artifact import disk_faults_told, lock, read_manifest, replace_file

logger = logging.getLogger(__name__)


def _finished(reports_dir: Path, pattern: str) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield the pages of finished folders, relative to the reports, when each was finished, and its manifest."""
    for path in sorted(reports_dir.glob(pattern)):
        folder = path.parent
        if any(part.startswith(".") for part in (folder.name, folder.parent.name)):
            continue
        try:
            finished = (folder / "manifest.json").stat().st_mtime
            manifest = read_manifest(folder)
        except (DataError, OSError) as error:
            logger.warning("the index of reports leaves one out: %s", error)
            continue
        yield path, datetime.fromtimestamp(finished, UTC).strftime("%Y-%m-%d %H:%M"), manifest


def _finished_reports(reports_dir: Path) -> list[FinishedReport]:
    """Find every finished report; what is no report of this schema is told and left out."""
    found = []
    for path, written, _ in _finished(reports_dir, "*/*/metrics.json"):
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            logger.warning("the index of reports leaves one out: %s: %s", path, error)
            continue
        if not isinstance(metrics, dict) or metrics.get("schema_version") != SCHEMA_VERSION or "test" not in metrics:
            logger.warning("the index of reports leaves out %s: it is no report of schema %d", path, SCHEMA_VERSION)
            continue
        link = (path.parent / "report.html").relative_to(reports_dir).as_posix()
        found.append(FinishedReport(link=link, written=written, metrics=metrics))
    return found


def _finished_catalogues(reports_dir: Path) -> list[FinishedCatalogue]:
    return [
        FinishedCatalogue(link=path.relative_to(reports_dir).as_posix(), written=written, facts=manifest["result"])
        for path, written, manifest in _finished(reports_dir, "catalogue/*/catalogue.html")
        if manifest.get("stage") == "catalogue_page"
    ]


def write_reports_index(reports_dir: Path, setting: str = "CDISCOUNT_REPORTS") -> None:
    """Write `index.html` over all that is finished; of two that end together, the second one lists both.

    Args:
        reports_dir: The folder of all reports.
        setting: The environment variable that moves it, for the sentence about a full or unwritable disk.
    """

    def write(aside: Path) -> None:
        page = render_index(_finished_reports(reports_dir), _finished_catalogues(reports_dir))
        aside.write_text(page, encoding="utf-8")

    with disk_faults_told(reports_dir, setting), lock(reports_dir / ".index.lock", "the index of reports"):
        replace_file(reports_dir / "index.html", write)
