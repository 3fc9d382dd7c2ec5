"""Addresses within Airflow's UI, relative to its root, and the link from a task to what it wrote."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink, get_current_context

RUN_VIEW = "evaluation-report"
"""The last part of the address of a run's tab; `plugins/evaluation_reports.py` makes the tab."""

APP = "evaluation_reports"
"""The first part of the address of the app that `plugins/evaluation_reports.py` has mounted."""

NAV_VIEW = "evaluation-reports"
"""The last part of the address of the page in the navigation."""


def _quoted(text: str) -> str:
    return quote(text, safe="")


def run_tab(dag_id: str, run_id: str) -> str:
    """Return the address of a run's tab with the report."""
    return f"dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}/plugin/{RUN_VIEW}"


def task_log(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """Return the address of a task's log; of a mapped task, of one of its instances."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}/tasks/{_quoted(task_id)}{mapped}"


def question_picture(sample: str, run_folder: str, name: str) -> str:
    """Return the address of a picture of the question whether a run's model is to become the champion."""
    return f"{APP}/questions/{_quoted(sample)}/{_quoted(run_folder)}/{_quoted(name)}"


PAGE_KEY = "page"
"""The XCom of a task that writes a page: the page's folder, by name, below its group in the reports folder."""


def note_page(folder: str) -> None:
    """Note for the run's tab which folder the running task wrote its page to."""
    get_current_context()["ti"].xcom_push(PAGE_KEY, folder)


class ReportLink(BaseOperatorLink):
    """Leads from a task to its run's tab with the report; relative to Airflow's root, whatever prefix that has."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the address of the tab."""
        return run_tab(ti_key.dag_id, ti_key.run_id)


def link_report(written: Any) -> Any:
    """Give the task that writes a page the link to it; returns what the task returned."""
    written.operator.operator_extra_links = (ReportLink(),)
    return written
