"""The shape of a task that runs a stage."""

import functools
import inspect
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import WeightRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from cdiscount_airflow.failures import advice_of, leave_reason, leave_root, reason_of, sentence_of
from cdiscount_airflow.store_keys import use_store_keys

from cdiscount_tasks.errors import ConfigError, DataError, StepLeftOut

logger = logging.getLogger(__name__)

DEFAULT_ARGS = {
    "owner": "cdiscount",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(hours=1),
    "weight_rule": WeightRule.UPSTREAM,
}
"""In a pool, the task with the most behind it goes first: a finished training is evaluated before another begins."""


def guard(body: Callable[..., Any], page: str, time_limit: Any) -> Callable[..., Any]:
    """Return a task's body that leaves why it failed or was skipped, and fails at once where no retry would help."""

    @functools.wraps(body)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        # TensorFlow's notices go to stderr, which Airflow logs as errors; it reads this when it is imported.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            use_store_keys()
            return body(*args, **kwargs)
        except (ConfigError, DataError) as error:
            logger.debug("where it was found", exc_info=error)
            sentence = sentence_of(error)
            leave_reason(sentence)
            # Not chained: Airflow would print both tracebacks, and the sentence twice among them.
            raise AirflowFailException(sentence) from None
        except StepLeftOut as why:
            skip_task(str(why))
        except AirflowSkipException:
            raise
        except (Exception, AirflowTaskTimeout) as error:
            leave_reason(reason_of(error, time_limit), advice_of(page))
            raise

    return guarded


def stage_task(
    summary: Callable[[Any], str] | None = None, *, freezes: bool = False, **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Make a task of a function that makes a step of a run.

    It returns the step's result in a line, which is logged and is the task's XCom: what the step made is noted in the
    run's artifacts.json, where other tasks find it.

    What a user has to correct (ConfigError, DataError) fails at once with its sentence, since no retry would help; any
    other error (a busy GPU, a file system that does not answer, a process that was killed) is tried again. Why it
    failed is left for the run's page. The function's docstring is the page that Airflow shows for the task.

    Args:
        summary: Says the result in a line, of a task that returns something else: it is logged, and the XCom `summary`.
        freezes: Whether it is the task that freezes its run's config: where, is left for the others, on machines that
            may see another folder under the same name.
        options: Those of `@task`.
    """

    def decorate(body: Callable[..., Any]) -> Any:
        page = inspect.cleandoc(body.__doc__ or "")
        guarded = guard(body, page, options.get("execution_timeout", DEFAULT_ARGS["execution_timeout"]))

        @functools.wraps(body)
        def told(*args: Any, **kwargs: Any) -> Any:
            result = guarded(*args, **kwargs)
            if freezes:
                leave_root()
            if summary:
                get_current_context()["ti"].xcom_push("summary", summary(result))
            if line := summary(result) if summary else result:
                logger.info("%s", line)
            return result

        # Airflow takes the docstring by itself, but not for mapped tasks, and with its indentation.
        shown: dict[str, Any] = {"doc_md": page, "show_return_value_in_logs": False}
        return task(**shown, **options)(told)

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
