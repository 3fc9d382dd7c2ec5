"""The index of all that stands in the reports folder: finished runs of samples, comparisons, pages of catalogues."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.intervals import mean_figure
from cdiscount_tasks.report_folders import (
    catalogue_pages,
    comparison_pages,
    oldest_first,
    plain_change,
    read_report,
    read_skips,
    report_folders,
    with_changes,
)
from cdiscount_tasks.reporting.index_page import Change, FinishedReport, render_index
from cdiscount_tasks.storage.artifact import disk_faults_told, lock, replace_file
from cdiscount_tasks.storage.tables import open_table

logger = logging.getLogger(__name__)


def _read_test(folder: Path) -> pd.DataFrame:
    """Read what a run's model said of its test products: group_id and right, by product_id."""
    columns = ["product_id", "split", "group_id", "class_index", "predicted"]
    with open_table(folder / "predictions.parquet") as file:
        rows: pd.DataFrame = file.read(columns=columns).to_pandas()
    rows = rows[rows["split"] == "test"].set_index("product_id").sort_index()
    right = (rows["class_index"] == rows["predicted"]).to_numpy()
    return pd.DataFrame({"group_id": rows["group_id"], "right": right})


def _paired_change(reports_dir: Path, before: FinishedReport, after: FinishedReport) -> Change | None:
    """Compare two runs product by product, if they judged the same test products."""
    if before.predictions_hash == after.predictions_hash:
        return Change(0.0, 0.0, 0.0, "the same predictions")
    try:
        was, now = (_read_test((reports_dir / run.link).parent) for run in (before, after))
    except (DataError, OSError, ValueError) as error:
        logger.warning("the index of reports does not pair two runs: %s", error)
        return plain_change(before, after, "not paired: predictions.parquet of one of the two cannot be read")
    common = was.index.intersection(now.index)
    if not len(common) == len(was) == len(now):
        note = f"other test products: {len(common):,} of {len(now):,} are the same, so the two are not paired"
        return plain_change(before, after, note)
    gain = now["right"].to_numpy(np.float64) - was["right"].to_numpy(np.float64)
    figure = mean_figure(gain, now["group_id"].to_numpy(), is_share=False)
    ends = [None if end is None else 100 * end for end in (figure["low"], figure["high"])]
    return Change(100 * float(gain.mean()), ends[0], ends[1], f"paired by product, the same {len(now):,}")


def write_reports_index(reports_dir: Path, setting: str = "CDISCOUNT_REPORTS") -> None:
    """Write `index.html` over all that is finished; of two that end together, the second one lists both.

    Args:
        reports_dir: The folder of all reports.
        setting: The environment variable that moves it, for the sentence about a full or unwritable disk.
    """

    def write(aside: Path) -> None:
        reports = [read_report(reports_dir, *one) for one in report_folders(reports_dir)]
        rows = with_changes(oldest_first(reports), partial(_paired_change, reports_dir))
        pages = catalogue_pages(reports_dir), comparison_pages(reports_dir)
        page = render_index(rows, *pages, read_skips(reports_dir))
        aside.write_text(page, encoding="utf-8")

    with disk_faults_told(reports_dir, setting), lock(reports_dir / ".index.lock", "the index of reports", setting):
        replace_file(reports_dir / "index.html", write)
