"""Reports that `write_report` writes, from artifacts made up for a test."""

import json

from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.report import write_report


def write(inputs, reports_dir, run_id=None):
    """Write the report of a run below a folder and list it there; returns its folder and the result."""
    config = inputs.config.model_copy(update={"run_id": run_id}) if run_id else inputs.config
    out_dir = reports_dir / config.sample.name / run_folder(config.run_id)
    written = write_report(inputs.dirs, out_dir, config)
    write_reports_index(reports_dir)
    return out_dir, written


def read_metrics(out_dir):
    """Return what metrics.json of a report says."""
    return json.loads((out_dir / "metrics.json").read_text("utf-8"))
