"""The plugin's own pages: lists, what a run without a report is about, refusals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import jinja2

from cdiscount_airflow.reports.airflow_runs import AirflowRun, AirflowTask
from cdiscount_airflow.reports.listing import Lists, Section
from cdiscount_tasks.records import DRAWN_WARNING
from cdiscount_tasks.reporting.index_page import NUM_OPEN_RUNS, FinishedPage, FinishedReport, UnreadableReport
from cdiscount_tasks.reporting.templating import page_css, templates

_TEMPLATES_DIR = Path(__file__).parent / "templates"
_UNDER_WAY = ("running", "queued", "scheduled", "up_for_retry", "up_for_reschedule", "deferred", "restarting")

LinkedT = TypeVar("LinkedT", bound=FinishedPage | FinishedReport | UnreadableReport)


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


@cache
def _templates() -> jinja2.Environment:
    """Return the project's templates and filters, with those of the plugin beside them."""
    project = templates(autoescape=True)
    loaders = [jinja2.FileSystemLoader(_TEMPLATES_DIR), project.loader]
    environment = project.overlay(loader=jinja2.ChoiceLoader([one for one in loaders if one is not None]))
    environment.filters["minute"] = _minute
    environment.filters["in_link"] = lambda text: quote(text, safe="")
    return environment


def _render(name: str, **content: Any) -> str:
    return _templates().get_template(name).render(css=page_css(), **content)


def _linked(row: LinkedT, root: str) -> LinkedT:
    """Let a link that is relative to the reports folder begin at the page that shows it."""
    return replace(row, link=f"{root}files/{row.link}") if row.link else row


def _section(section: Section, root: str) -> Section:
    runs = section.reports
    return replace(
        section,
        reports=runs and replace(runs, rows=[_linked(row, root) for row in runs.rows]),
        pages=[_linked(page, root) for page in section.pages],
    )


def list_page(
    lists: Lists, root: str, dag_id: str | None = None, may_edit: Callable[[str], bool] = lambda _: False
) -> str:
    """Make a list.

    Args:
        lists: What it shows.
        root: The way from the page to the app's root, such as `../../`: relative links survive a proxy's prefix.
        dag_id: The DAG whose tab it is; None: the page of all.
        may_edit: Whether the user may edit a DAG, and so judge its labels.
    """
    samples = [_section(one, root) for one in lists.samples]
    kinds = {"comparison": lists.comparison, "catalogue": lists.catalogue}
    others = [(kind, _section(section, root)) for kind, section in kinds.items() if section]
    return _render(
        "list.html",
        samples=samples,
        others=others,
        root=root,
        dag_id=dag_id,
        num_open=NUM_OPEN_RUNS,
        any_drawn=lists.any_drawn,
        may_judge={section.dag_id for section in samples if section.reports and may_edit(section.dag_id)},
        drawn_warning=DRAWN_WARNING,
    )


def state_page(run: AirflowRun, tasks: Sequence[AirflowTask] | None, writes_reports: bool) -> str:
    """Make the page of a run that has no report, or none yet.

    Args:
        run: The run.
        tasks: Its tasks; None: the user may not see them.
        writes_reports: Whether its DAG writes any.
    """
    return _render(
        "state.html",
        run=run,
        tasks=tasks,
        writes_reports=writes_reports,
        failed=[task for task in tasks or () if task.state == "failed"],
        going=[task for task in tasks or () if task.state in _UNDER_WAY],
        num_done=sum(task.state in ("success", "skipped") for task in tasks or ()),
    )


def refusal_page(status: int, sentence: str) -> str:
    """Make the page of an error."""
    return _render("refusal.html", status=status, sentence=sentence)


def judge_page(name: str, **content: Any) -> str:
    """Make a page of those that labels are judged on, `judge.html` or `judge_lists.html`."""
    return _render(name, **content)
