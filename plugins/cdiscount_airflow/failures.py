"""Why a task failed or was skipped, in the words that its log, its messages and the run's page share."""

import re
import socket
from contextlib import suppress
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout

from cdiscount_tasks.artifacts.data_root import root_id
from cdiscount_tasks.errors import RunNotHereError
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import address_of

REASON_KEY = "reason"
"""The XCom in which a task that fails or is skipped leaves `reason` and `advice`; removed before each try."""

ROOT_KEY = "data_root"
"""The XCom in which the task that freezes a run leaves the data root: its `root` (an id) and its `place`."""

BROKEN_TAG = "broken"
"""Of a DAG that takes the place of a sample whose file cannot be read; its description says why."""

NO_REASON = "it gave no reason: its process was killed, or its machine was lost"
_ADVICE = re.compile(r"\*\*If it fails\*\*(.*?)(?:\n\s*\n|\Z)", re.DOTALL)
_LONGEST_REASON = 2000


def reason_of(error: Any, time_limit: Any = None) -> str:
    """Return an error as a sentence.

    Args:
        error: What was raised; None where a process was lost.
        time_limit: The task's execution_timeout.
    """
    if not error:
        return NO_REASON
    if isinstance(error, AirflowTaskTimeout):
        return f"it took longer than its time limit of {time_limit} and was ended"
    # The project's own sentences come as AirflowFailException, whose name says nothing to a reader.
    text = str(error) if isinstance(error, AirflowException | str) else f"{type(error).__name__}: {error}"
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} [...]"


def advice_of(page: str) -> str:
    """Return what a task's page says of its failing; empty: nothing."""
    found = _ADVICE.search(page)
    return " ".join(f"If it fails{found[1]}".split()) if found else ""


def leave_reason(reason: str, advice: str = "") -> None:
    """Leave for the run's page why the running task fails or is skipped."""
    with suppress(Exception):  # whatever hinders this, the task's own error is what its log must show
        get_current_context()["ti"].xcom_push(REASON_KEY, {"reason": reason, "advice": advice})


def leave_root() -> None:
    """Leave for the run's other tasks in which data root the running task froze the run's config."""
    with suppress(Exception):  # it is for the sentence of a later failure alone
        data_dir = read_environment().data_dir
        root = {"root": root_id(data_dir) or "", "place": f"{address_of(data_dir)} on {socket.gethostname()}"}
        get_current_context()["ti"].xcom_push(ROOT_KEY, root)


def sentence_of(error: Exception) -> str:
    """Return what an error of the project says; of a run that is not here, with where its first task froze it."""
    if isinstance(error, RunNotHereError):
        with suppress(Exception):
            left = get_current_context()["ti"].xcom_pull(task_ids=error.first_task, key=ROOT_KEY)
            return error.seen_from(left["root"], left["place"])
    return str(error)
