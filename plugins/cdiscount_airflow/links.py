"""The link from a task to what it wrote."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

RUN_VIEW = "evaluation-report"
"""The last part of the address of a run's tab; `plugins/evaluation_reports.py` makes the tab."""


class ReportLink(BaseOperatorLink):
    """Leads from a task to its run's tab with the report; relative to Airflow's root, whatever prefix that has."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the address of the tab."""
        return f"dags/{quote(ti_key.dag_id, safe='')}/runs/{quote(ti_key.run_id, safe='')}/plugin/{RUN_VIEW}"


def link_report(written: Any) -> Any:
    """Give the task that writes a page the link to it; returns what the task returned."""
    written.operator.operator_extra_links = (ReportLink(),)
    return written
