"""A DAG run in this process, with its log as a person at a terminal wants it: a heading a task, then its sentences."""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

# Of Airflow's own lines a terminal shows warnings alone. A task's failure is reported by its callback instead.
os.environ["AIRFLOW__LOGGING__NAMESPACE_LEVELS"] = "airflow=WARNING task=CRITICAL py.warnings=ERROR"

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException

_LEVELS = {
    "airflow": logging.WARNING,
    # At each wait for a mapped task: "No tasks to run".
    "airflow.sdk.definitions.dag": logging.CRITICAL,
    "py.warnings": logging.ERROR,
    # The knobs that differ from the preset's are in the task's last line; config.json has all.
    "cdiscount_tasks.settings.words": logging.WARNING,
    # The report's headline is the last thing that the tool itself says.
    "cdiscount_airflow.notifiers": logging.WARNING,
}
_TOLD_BY_THE_TOOL = ("write_report", "write_comparison")


class DagFaultError(Exception):
    """Why a DAG run failed: its text is all that a person needs to see."""


class TerminalLog(logging.Handler):
    """Prints what the tasks log, below the name of each."""

    def __init__(self) -> None:
        super().__init__()
        self._context: Any = None
        self._headed = True

    def begin(self, context: Any) -> None:
        """Take what is logged from here on as a task's; a mapped one is headed once it has its name."""
        self.end()
        self._context, self._headed = context, False
        if context["ti"].map_index < 0:
            self._head()

    def end(self) -> None:
        """Head a task that had nothing to say."""
        if not self._headed:
            self._head()

    def _head(self) -> None:
        ti, name = self._context["ti"], self._context["task"].task_display_name
        part = "" if ti.map_index < 0 else f" ({self._context.get('map_index_name') or ti.map_index + 1})"
        print(f"\n{name}{part}", flush=True)
        self._headed = True

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record: its message alone, and how serious it is where it is."""
        try:
            if self._is_told_by_the_tool(record):
                return
            self.end()
            level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
            print(f"  {level}{self.format(record)}", flush=True)
        except Exception:
            self.handleError(record)

    def _is_told_by_the_tool(self, record: logging.LogRecord) -> bool:
        return (
            record.name == "cdiscount_airflow.tasks.stage_task"
            and self._context is not None
            and self._context["ti"].task_id in _TOLD_BY_THE_TOOL
        )


def _show_logs() -> TerminalLog:
    """Print what the project's own loggers say, and of the others what is serious."""
    shown = TerminalLog()
    for name in ("cdiscount_tasks", "cdiscount_airflow"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [shown], False
        logger.setLevel(logging.INFO)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    return shown


def _first_line(fault: Any) -> str:
    """Return what made a task fail: Airflow's refusals of a param go on with the whole schema."""
    return str(fault).strip().partition("\n")[0]


def run_dag_here(dags_dir: Path, dag_id: str, conf: dict[str, Any]) -> str:
    """Run a DAG in this process and return the run's id.

    Raises:
        DagFaultError: If it failed, with the first sentence of what went wrong.
    """
    bag = DagBag(dags_dir)
    if dag_id not in bag.dags:
        raise DagFaultError("\n".join([f"no DAG {dag_id}", *bag.import_errors.values()]))
    shown = _show_logs()
    reasons: list[str] = []

    def note(context: Any) -> None:
        fault = context.get("exception")
        reasons.append(_first_line(fault))
        # A sentence of the project's own, or of Airflow's, needs no place; a fault of the code does.
        if isinstance(fault, BaseException) and not isinstance(fault, AirflowException):
            traceback.print_exception(fault, file=sys.stdout)

    for task in bag.dags[dag_id].tasks:
        task.on_execute_callback = [shown.begin]
        task.on_failure_callback = [note]
        if hasattr(task, "can_ask"):
            task.can_ask = False
        # What failed in front of a person is not tried again behind his back.
        of_mapped = getattr(task, "partial_kwargs", None)
        if of_mapped is None:
            task.retries = 0
        else:
            of_mapped["retries"] = 0
    try:
        run = bag.dags[dag_id].test(run_conf=conf)
    except AirflowException as error:
        # As a param that the form would refuse.
        raise DagFaultError(_first_line(error)) from error
    shown.end()
    if run.state != "success":
        raise DagFaultError("; ".join(reasons) or f"the run {run.run_id} failed; the error is above")
    return str(run.run_id)
