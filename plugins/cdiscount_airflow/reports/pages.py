"""The plugin's own pages: lists, what a run without a report is about, refusals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cdiscount_airflow.links import task_log
from cdiscount_airflow.reports.airflow_runs import AirflowRun, AirflowTask
from cdiscount_airflow.reports.causes import Cause, Causes
from cdiscount_airflow.reports.listing import Lists, Section
from cdiscount_airflow.reports.owners import CATALOGUE_DAG, COMPARISON_DAG, PREDICTIONS_DAG
from cdiscount_airflow.reports.progress import RunningTraining
from cdiscount_tasks.pages.overview.page import NUM_OPEN_RUNS
from cdiscount_tasks.pages.overview.rows import FinishedPage, FinishedReport, UnreadableReport
from cdiscount_tasks.pages.parts.templating import render_page

RENEWED_S = 15
"""The page of a run that is under way is asked for again after so many seconds."""

_TEMPLATES_DIR = Path(__file__).parent / "templates"
_UNDER_WAY = ("running", "queued", "scheduled", "up_for_retry", "up_for_reschedule", "deferred", "restarting")

LinkedT = TypeVar("LinkedT", bound=FinishedPage | FinishedReport | UnreadableReport)


def _render(name: str, **content: Any) -> str:
    return render_page(name, beside=_TEMPLATES_DIR, **content)


def _linked(row: LinkedT, root: str) -> LinkedT:
    """Let a link that is relative to the reports folder begin at the page that shows it."""
    return replace(row, link=f"{root}files/{row.link}") if row.link else row


def _section(section: Section, root: str) -> Section:
    runs = section.reports
    if runs:
        rows = [_linked(row, root) for row in runs.rows]
        runs = replace(runs, rows=rows, pairs=[_linked(pair, root) for pair in runs.pairs])
    return replace(
        section,
        reports=runs,
        pages=[_linked(page, root) for page in section.pages],
    )


_NOTHING_YET = {
    None: "No report yet that your account may read. Open a sample's DAG and press Trigger: its report will be here.",
    CATALOGUE_DAG: "No page yet. Press Trigger: the run writes a page of what the catalogue holds.",
    PREDICTIONS_DAG: "No predictions yet. Press Trigger and name a file: what the champion answers to it will be here.",
    COMPARISON_DAG: "No comparison yet. Let two samples finish a run of the same preset, then press Trigger.",
}


def list_page(
    lists: Lists,
    root: str,
    dag_id: str | None = None,
    broken: Mapping[str, str] | None = None,
    may_edit: Callable[[str], bool] = lambda _: False,
    why: Callable[[AirflowRun], str] = lambda _: "",
) -> str:
    """Make a list.

    Args:
        lists: What it shows.
        root: The way from the page to the app's root, such as `../../`: relative links survive a proxy's prefix.
        dag_id: The DAG whose tab it is; None: the page of all.
        broken: What is wrong with the files that DAGs are made from, by DAG.
        may_edit: Whether the user may edit a DAG, and so judge its labels.
        why: Says why a run failed; empty: the user may not see it, or nothing is known.
    """
    broken = broken or {}
    samples = [
        _section(one, root)
        for one in lists.samples
        if one.reports or one.without_report or one.dag_id not in broken  # a broken file's sentence is all there is
    ]
    kinds = {"comparison": lists.comparison, "predictions": lists.predictions, "catalogue": lists.catalogue}
    others = [(kind, _section(section, root)) for kind, section in kinds.items() if section]
    return _render(
        "list.html",
        samples=samples,
        others=others,
        root=root,
        dag_id=dag_id,
        broken=broken,
        why=why,
        nothing_yet=_NOTHING_YET.get(dag_id, "This DAG writes no reports."),
        num_open=NUM_OPEN_RUNS,
        any_drawn=lists.any_drawn,
        disk_warning=lists.disk_warning,
        may_judge={section.dag_id for section in samples if section.has_list and may_edit(section.dag_id)},
    )


_FREEZES = ("resolve_run", "resolve_comparison")
"""The tasks that freeze what their run makes, if they end well."""


def state_page(
    run: AirflowRun,
    tasks: Sequence[AirflowTask] | None,
    writes_reports: bool,
    causes: Causes | None = None,
    training: RunningTraining | None = None,
    stop_token: str | None = None,
    late_since: datetime | None = None,
) -> str:
    """Make the page of a run that has no report, or none yet.

    Args:
        run: The run.
        tasks: Its tasks; None: the user may not see them.
        writes_reports: Whether its DAG writes any.
        causes: Why tasks ended as they did; None: the user may not read their logs.
        training: How far its training is; None: none is under way.
        stop_token: Of the form that stops the training; None: the user may not, or it ends already.
        late_since: By when it should have finished; None: it is not late.
    """

    def with_causes(state: str) -> list[tuple[AirflowTask, Cause | None]]:
        return [(task, causes.of(task) if causes else None) for task in tasks or () if task.state == state]

    failed, cause_of_run = with_causes("failed"), causes.of_run() if causes else None
    ends = [cause for _, cause in failed] or [cause_of_run]
    return _render(
        "state.html",
        run=run,
        task_log=task_log,
        tasks=tasks,
        training=training,
        stop_token=stop_token,
        late_since=late_since,
        renewed_s=RENEWED_S,
        writes_reports=writes_reports,
        failed=failed,
        retried=with_causes("up_for_retry"),
        stopped=all(cause is not None and cause.by_hand for cause in ends),
        nothing_frozen=any(task.task_id in _FREEZES for task, _ in failed),
        keeps_inputs=run.dag_id != CATALOGUE_DAG,
        cause_of_run=cause_of_run,
        skipped_since=causes.of_skipped(tasks or ()) if causes else "",
        going=[task for task in tasks or () if task.state in _UNDER_WAY],
        num_done=sum(task.state == "success" for task in tasks or ()),
        num_skipped=sum(task.state == "skipped" for task in tasks or ()),
    )


def bar_of(root: str = "../../../", **content: Any) -> str:
    """Make the bar above a report: `address`, `link`, `dag_id` and `downloads`; `root` is the way to the app's root."""
    return _render("bar.html", root=root, **content)


def refusal_page(status: int, sentence: str, login: str | None = None) -> str:
    """Make the page of an error.

    Args:
        status: Of HTTP.
        sentence: What is wrong.
        login: Where to sign in; None: that would not help.
    """
    return _render("refusal.html", status=status, sentence=sentence, login=login)


def pair_choice_page(**content: Any) -> str:
    """Make the page on which two runs are ticked: `sample`, `dag_id`, `runs`, and the folders `a`, `b` if `chosen`."""
    return _render("pairs.html", **content)


def judge_page(name: str, **content: Any) -> str:
    """Make a page of those that labels are judged on, `judge.html` or `judge_lists.html`."""
    return _render(name, **content)
