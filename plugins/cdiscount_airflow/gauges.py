"""Figures as gauges of Airflow's own metrics: they go where Airflow's `[metrics]` settings send those, or nowhere."""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdiscount_tasks.runs.gauges import Gauge

logger = logging.getLogger(__name__)

PREFIX = "cdiscount"


def set_gauges(find: "Callable[[], Iterable[Gauge]]") -> None:
    """Set gauges `cdiscount.<name>`; whatever goes wrong is a line of the log, and never the end of a task.

    Args:
        find: Returns them; called here, so that a report that cannot be read ends no training either.
    """
    from airflow.sdk.observability import stats  # noqa: PLC0415 - a DAG file is parsed without it

    try:
        for gauge in find():
            stats.gauge(f"{PREFIX}.{gauge.name}", gauge.value, tags=dict(gauge.tags))
    except Exception as error:
        logger.warning("no gauge was set for whoever watches from outside (%s: %s)", type(error).__name__, error)
