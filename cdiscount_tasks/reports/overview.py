"""The index of all in the reports folder: finished runs of samples, comparisons, predictions, catalogues."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import change_document
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.pages.overview.page import NUM_OPEN_RUNS, render_index
from cdiscount_tasks.pages.overview.rows import FinishedReport
from cdiscount_tasks.reports.changes import (
    CHANGE_FILE,
    UNREADABLE,
    compared_with,
    identity_of,
    stored_change,
    with_changes,
)
from cdiscount_tasks.reports.decided import with_decisions
from cdiscount_tasks.reports.disk import disk_warning
from cdiscount_tasks.reports.folders import (
    REPORTS_SETTING,
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
from cdiscount_tasks.tables.predictions import read_judged

logger = logging.getLogger(__name__)


def _compare(was: pd.DataFrame, now: pd.DataFrame, points: float) -> dict[str, Any]:
    """Compare two runs product by product, if they judged the same test products in the same categories.

    Test is measured as the catalogue gives it, so that label fixes leave it the same.

    Args:
        was: Of the earlier run, as `read_judged` gives it, by ascending product_id.
        now: Of the later run.
        points: The plain difference, for runs that cannot be paired.
    """
    common = was.index.intersection(now.index)
    facts = {"num_products": len(now), "num_common": len(common), "points": points, "low": None, "high": None}
    if not len(common) == len(was) == len(now):
        return {**facts, "how": "other_products"}
    if not np.array_equal(was["class_index"], now["class_index"]):
        return {**facts, "how": "other_categories"}
    figure = paired_difference(now["right"], was["right"], now["group_id"])
    num_gained = int(now["right"].sum()) - int(was["right"].sum())
    low, high = (None if end is None else 100 * end for end in (figure["low"], figure["high"]))
    return {**facts, "low": low, "high": high, "points": 100 * (num_gained / len(now)), "how": "paired"}


def _compute(reports_dir: Path, before: FinishedReport, after: FinishedReport) -> dict[str, Any]:
    """Return what `change.json` holds of two runs."""
    num, points = after.accuracy["n"], 100 * (after.accuracy["value"] - before.accuracy["value"])
    facts = {**identity_of(before, after), "num_products": num, "num_common": num}
    if before.predictions_hash == after.predictions_hash:
        return {**facts, "how": "same_predictions", "points": 0.0, "low": 0.0, "high": 0.0}
    try:
        was, now = (read_judged((reports_dir / run.link).parent).sort_index() for run in (before, after))
    except (DataError, OSError, ValueError) as error:
        logger.warning("the index of reports does not pair two runs: %s", error)
        return {**facts, "how": "unreadable", "points": points, "low": None, "high": None}
    return {**facts, **_compare(was, now, points)}


def _write_change(facts: Mapping[str, Any], aside: Path) -> None:
    write_json(aside, facts)


def _store_changes(reports_dir: Path, reports: Sequence[Report]) -> None:
    """Compute what is missing of the newest runs of each sample, and store it beside each run's metrics.json."""
    read = [row for row in reports if isinstance(row, FinishedReport)]
    for _, of_sample in groupby(read, key=lambda row: row.sample):
        runs = list(of_sample)
        for place in range(max(1, len(runs) - NUM_OPEN_RUNS), len(runs)):
            before, after = compared_with(runs[:place], runs[place]), runs[place]
            if before is None or after.accuracy["value"] is None:
                continue
            stored = stored_change(reports_dir, before, after)
            if stored is None or stored.note == UNREADABLE:
                facts = _compute(reports_dir, before, after)
                replace_file((reports_dir / after.link).parent / CHANGE_FILE, partial(_write_change, facts))


def write_reports_index(reports_dir: Path) -> None:
    """Write `index.html` over all that is finished; of two that end together, the second one lists both.

    In a bucket whoever was overtaken by another machine's index lists again.

    What the newest runs are worth against earlier ones is computed first, once, and stored beside each report.

    Args:
        reports_dir: The folder of all reports.
    """

    def written() -> bytes:
        refresh(reports_dir)
        reports = oldest_first([read_report(reports_dir, *one) for one in report_folders(reports_dir)])
        _store_changes(reports_dir, reports)
        rows = with_decisions(reports_dir, with_changes(reports_dir, reports))
        pages = catalogue_pages(reports_dir), comparison_pages(reports_dir)
        return render_index(
            rows,
            *pages,
            read_skips(reports_dir),
            pair_pages(reports_dir),
            disk_warning(reports_dir),
            prediction_pages(reports_dir),
        ).encode()

    setting = REPORTS_SETTING
    with disk_faults_told(reports_dir, setting), lock(reports_dir / ".index.lock", "the index of reports", setting):
        change_document(reports_dir / "index.html", written)
