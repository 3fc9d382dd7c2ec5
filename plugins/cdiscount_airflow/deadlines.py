"""By when a run should have finished: Airflow shows whether it did, and a late run is reported while it continues.

A timeout ends what it measures; a deadline only reports.
"""

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from cdiscount_airflow.notifiers import EmailNotifier, Message, notifiers
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample import SampleConfig

logger = logging.getLogger(__name__)


def tell_late(title: str, hours: float, context: dict[str, Any] | None = None) -> None:
    """Say that a run is late; the executor calls this, with a log of its own, and Airflow marks the deadline as missed.

    That log is a file of the worker alone, so that the run's tab in Airflow's UI says it as well, and an e-mail where
    CDISCOUNT_NOTIFY has an address.

    Args:
        title: Of the sample.
        hours: Its deadline.
        context: Airflow's: the run and the deadline.
    """
    run = (context or {}).get("dag_run") or {}
    run_id = run.get("dag_run_id") or run.get("run_id") if isinstance(run, dict) else getattr(run, "run_id", None)
    late = f"{title}: run {run_id} has not finished {hours:g} hours after it was queued"
    advice = (
        "It continues. Look what it waits for (a slot of the pool `gpu`, a task that is tried again), or raise "
        "schedule.deadline_hours in the sample's YAML"
    )
    logger.warning("%s. %s", late, advice)
    for way in notifiers(read_environment(), lambda _: Message(late, (advice,), logging.WARNING)):
        if isinstance(way, EmailNotifier):
            way.notify(context or {})


def deadline_of(sample: SampleConfig) -> DeadlineAlert | None:
    """Return the deadline of a sample's runs, counted from when they were queued; None: they have none."""
    hours = sample.schedule.deadline_hours
    if hours is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=SyncCallback(tell_late, {"title": sample.title, "hours": hours}),
        name=f"finished within {hours:g} hours",
    )
