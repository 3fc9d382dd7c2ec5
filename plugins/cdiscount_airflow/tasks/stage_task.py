"""The shape of a task that runs a stage."""

import functools
import inspect
import logging
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from cdiscount_airflow.failures import advice_of, leave_reason, reason_of

from cdiscount_tasks.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

DEFAULT_ARGS = {
    "owner": "cdiscount",
    "retries": 1,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(hours=1),
}


def _told(result: Any, summary: str) -> Any:
    """Log a result's summary, and put it beside the result as the XCom `summary`."""
    logger.info("%s", summary)
    if isinstance(result, Mapping):
        return {**result, "summary": summary}
    get_current_context()["ti"].xcom_push("summary", summary)
    return result


def stage_task(summary: Callable[[Any], str] | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a task of a function that calls a stage.

    What a user has to mend (ConfigError, DataError) fails at once with its sentence, since no retry would mend it; any
    other error (a busy GPU, a file system that does not answer, a process that was killed) is tried again. Why it
    failed is left for the run's page. The function's docstring is the page that Airflow shows for the task.

    Args:
        summary: Tells the result in a line, for the log and the XCom `summary`.
        options: Those of `@task`.
    """

    def decorate(body: Callable[..., Any]) -> Any:
        page = inspect.cleandoc(body.__doc__ or "")
        time_limit = options.get("execution_timeout", DEFAULT_ARGS["execution_timeout"])

        @functools.wraps(body)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            # TensorFlow's notices go to stderr, which Airflow logs as errors; it reads this when it is imported.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            try:
                result = body(*args, **kwargs)
            except (ConfigError, DataError) as error:
                logger.debug("where it was found", exc_info=error)
                leave_reason(str(error))
                # Not chained: Airflow would print both tracebacks, and the sentence twice among them.
                raise AirflowFailException(str(error)) from None
            except AirflowSkipException:
                raise
            except (Exception, AirflowTaskTimeout) as error:
                leave_reason(reason_of(error, time_limit), advice_of(page))
                raise
            return _told(result, summary(result)) if summary else result

        # Airflow takes the docstring by itself, but not for mapped tasks, and with its indentation.
        told: dict[str, Any] = {"doc_md": page, "show_return_value_in_logs": False}
        return task(**told, **options)(guarded)

    return decorate


def is_scheduled(dag_run: Any) -> bool:
    """Tell whether a run was started by its schedule, a time or an asset; what a person triggers is never skipped."""
    return dag_run.run_type in ("scheduled", "asset_triggered")


def skip_task(reason: str) -> NoReturn:
    """Skip the running task, and what comes after it, with a reason in its log."""
    logger.info("skipped: %s", reason)
    leave_reason(reason)
    raise AirflowSkipException(reason)


def name_map_index(name: str) -> None:
    """Give the running mapped task a name in the grid; its decorator needs `map_index_template=MAP_INDEX_NAME`."""
    get_current_context()["map_index_name"] = name  # type: ignore[typeddict-unknown-key]


MAP_INDEX_NAME = "{{ map_index_name }}"
