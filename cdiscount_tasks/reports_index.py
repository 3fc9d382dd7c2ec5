"""The index of all that stands in the reports folder: finished runs of samples, comparisons, pages of catalogues."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.intervals import mean_figure
from cdiscount_tasks.reporting.index_page import (
    NUM_OPEN_RUNS,
    Change,
    FinishedPage,
    FinishedReport,
    SkippedRun,
    UnreadableReport,
    render_index,
    report_row,
)
from cdiscount_tasks.reporting.summary import SCHEMA_VERSION
from cdiscount_tasks.storage.artifact import MANIFEST, disk_faults_told, lock, read_manifest, replace_file
from cdiscount_tasks.storage.tables import open_table

logger = logging.getLogger(__name__)

SKIP_NOTE = "skipped.json"
"""Beside a sample's reports: which run was skipped last, when, and why."""

_PAGES = ("catalogue", "comparison")
_REMAKE = "clear the task write_report of its run in Airflow, or remove the folder"


def _read_report(reports_dir: Path, folder: Path, finished: datetime) -> FinishedReport | UnreadableReport:
    """Read one run's folder; what is no report of this schema becomes a row that says so."""
    report = folder / "report.html"
    link = report.relative_to(reports_dir).as_posix()
    try:
        read_manifest(folder)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        version = metrics["schema_version"]
        if version != SCHEMA_VERSION:
            age = "an older" if isinstance(version, int) and version < SCHEMA_VERSION else "another"
            raise DataError(
                f"metrics.json is of {age} schema ({version!r}, this code reads {SCHEMA_VERSION}); to list its figures "
                f"{_REMAKE}"
            )
        return report_row(metrics, link, finished)
    except DataError as error:
        reason = str(error).replace(f"{folder}/", "").replace(str(folder), "the folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"metrics.json is damaged ({type(error).__name__}: {error}); {_REMAKE}"
    logger.warning("the index of reports cannot read %s: %s", folder, reason)
    return UnreadableReport(folder.parent.name, link if report.is_file() else None, folder.name, finished, reason)


def _is_hidden(path: Path, reports_dir: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(reports_dir).parts)


def _read_reports(reports_dir: Path) -> list[FinishedReport | UnreadableReport]:
    """Read every run's folder, oldest first."""
    found = []
    for folder in sorted(
        {path.parent for name in ("metrics.json", MANIFEST) for path in reports_dir.glob(f"*/*/{name}")}
    ):
        if _is_hidden(folder, reports_dir) or folder.parent.name in _PAGES:
            continue
        try:
            written = max(
                path.stat().st_mtime for path in (folder / MANIFEST, folder / "metrics.json") if path.exists()
            )
        except (OSError, ValueError):
            continue  # removed a moment ago
        found.append(_read_report(reports_dir, folder, datetime.fromtimestamp(written, UTC)))
    return sorted(found, key=lambda report: (report.sample, report.finished, report.link or ""))


def _read_test(folder: Path) -> pd.DataFrame:
    """Read what a run's model said of its test products: group_id and right, by product_id."""
    columns = ["product_id", "split", "group_id", "class_index", "predicted"]
    with open_table(folder / "predictions.parquet") as file:
        rows: pd.DataFrame = file.read(columns=columns).to_pandas()
    rows = rows[rows["split"] == "test"].set_index("product_id").sort_index()
    right = (rows["class_index"] == rows["predicted"]).to_numpy()
    return pd.DataFrame({"group_id": rows["group_id"], "right": right})


def _plain_change(before: FinishedReport, after: FinishedReport, note: str) -> Change | None:
    values = before.accuracy["value"], after.accuracy["value"]
    if None in values:
        return None
    return Change(100 * (values[1] - values[0]), None, None, note)


def _paired_change(reports_dir: Path, before: FinishedReport, after: FinishedReport) -> Change | None:
    """Compare two runs product by product, if they judged the same test products."""
    if before.predictions_hash == after.predictions_hash:
        return Change(0.0, 0.0, 0.0, "the same predictions")
    try:
        was, now = (_read_test((reports_dir / run.link).parent) for run in (before, after))
    except (DataError, OSError, ValueError) as error:
        logger.warning("the index of reports does not pair two runs: %s", error)
        return _plain_change(before, after, "not paired: predictions.parquet of one of the two cannot be read")
    common = was.index.intersection(now.index)
    if not len(common) == len(was) == len(now):
        note = f"other test products: {len(common):,} of {len(now):,} are the same, so the two are not paired"
        return _plain_change(before, after, note)
    gain = now["right"].to_numpy(np.float64) - was["right"].to_numpy(np.float64)
    figure = mean_figure(gain, now["group_id"].to_numpy(), is_share=False)
    ends = [None if end is None else 100 * end for end in (figure["low"], figure["high"])]
    return Change(100 * float(gain.mean()), ends[0], ends[1], f"paired by product, the same {len(now):,}")


def _unpaired_change(before: FinishedReport, after: FinishedReport) -> Change | None:
    same = before.artifacts.get("labels") == after.artifacts.get("labels")
    return _plain_change(before, after, "the same test products" if same else "other labels: the products may differ")


def _skipped(before: FinishedReport | None, after: FinishedReport) -> tuple[str, ...]:
    """Say what a run left out, as far as its files tell."""
    told = []
    if before is not None and before.artifacts.get("model") == after.artifacts.get("model"):
        told.append("training, since data and settings were those of the run before")
    if "features" not in after.artifacts:
        told.append(f"features and what needs them, since {after.no_features or 'no pretrained weights were at hand'}")
    return tuple(told)


def _with_changes(reports_dir: Path, reports: Sequence[FinishedReport | UnreadableReport]) -> list[Any]:
    """Add to each run what changed since its sample's run before; the newest ones, which stand open, are paired."""
    rows: list[FinishedReport | UnreadableReport] = [row for row in reports if isinstance(row, UnreadableReport)]
    read = [row for row in reports if isinstance(row, FinishedReport)]
    for _, of_sample in groupby(read, key=lambda row: row.sample):
        runs = list(of_sample)
        rows.append(replace(runs[0], skipped=_skipped(None, runs[0])))
        for place, (before, after) in enumerate(pairwise(runs), 1):
            stands_open = place >= len(runs) - NUM_OPEN_RUNS
            change = _paired_change(reports_dir, before, after) if stands_open else _unpaired_change(before, after)
            if change is not None and before.preset != after.preset:
                change = replace(change, preset_before=before.preset)
            rows.append(replace(after, skipped=_skipped(before, after), change=change))
    return rows


def _read_skips(reports_dir: Path) -> list[SkippedRun]:
    """Read which run of each sample was skipped last; a note that cannot be read is told and left out."""
    found = []
    for path in sorted(reports_dir.glob(f"*/{SKIP_NOTE}")):
        if _is_hidden(path, reports_dir):
            continue
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(note["at"]).astimezone(UTC)
            found.append(SkippedRun(path.parent.name, at, str(note["run_id"]), str(note["reason"])))
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the index of reports cannot read %s: %s", path, error)
    return found


def _finished_pages(reports_dir: Path, stage: str, pattern: str) -> Iterator[FinishedPage]:
    for path in sorted(reports_dir.glob(pattern)):
        if _is_hidden(path, reports_dir):
            continue
        try:
            finished = (path.parent / MANIFEST).stat().st_mtime
            manifest = read_manifest(path.parent)
        except (DataError, OSError) as error:
            logger.warning("the index of reports leaves one out: %s", error)
            continue
        if manifest.get("stage") == stage:
            link = path.relative_to(reports_dir).as_posix()
            yield FinishedPage(link, datetime.fromtimestamp(finished, UTC), manifest["result"])


def write_reports_index(reports_dir: Path, setting: str = "CDISCOUNT_REPORTS") -> None:
    """Write `index.html` over all that is finished; of two that end together, the second one lists both.

    Args:
        reports_dir: The folder of all reports.
        setting: The environment variable that moves it, for the sentence about a full or unwritable disk.
    """

    def write(aside: Path) -> None:
        page = render_index(
            _with_changes(reports_dir, _read_reports(reports_dir)),
            list(_finished_pages(reports_dir, "catalogue_page", "catalogue/*/catalogue.html")),
            list(_finished_pages(reports_dir, "comparison", "comparison/*/comparison.html")),
            _read_skips(reports_dir),
        )
        aside.write_text(page, encoding="utf-8")

    with disk_faults_told(reports_dir, setting), lock(reports_dir / ".index.lock", "the index of reports"):
        replace_file(reports_dir / "index.html", write)
