"""All of the project's assets, and what makes a sample's DAG run by itself.

Assets live in this module alone: two definitions of one name that differ make the producing task fail.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable
from croniter import croniter

from cdiscount_tasks.config import SampleConfig
from cdiscount_tasks.errors import ConfigError

CATALOGUE_INDEX = Asset(name="catalogue_index", uri="cdiscount://catalogue/index", group="cdiscount")
"""A catalogue's index; only the DAG `cdiscount_catalogue` publishes it, and only for new content."""


def _cron(sample: SampleConfig, expression: str) -> CronTriggerTimetable:
    """Return a timetable whose first run is the next tick, never the last past one (`run_immediately` of zero)."""
    # Airflow would find a bad expression only after parsing, and then drop every DAG of the file.
    if not croniter.is_valid(expression):
        raise ConfigError(
            f"sample {sample.name}: schedule.cron is {expression!r}, expected a cron expression that names times, "
            "such as '0 3 * * 1' (Mondays at 03:00)"
        )
    return CronTriggerTimetable(expression, timezone="UTC", run_immediately=timedelta(0))


def schedule_of(sample: SampleConfig) -> Any:
    """Return a sample's schedule as Airflow takes it: cron, a new index, both, or None.

    Raises:
        ConfigError: If the cron expression means no time.
    """
    schedule = sample.schedule
    if schedule.cron and schedule.on_new_index:
        return AssetOrTimeSchedule(timetable=_cron(sample, schedule.cron), assets=[CATALOGUE_INDEX])
    if schedule.cron:
        return _cron(sample, schedule.cron)
    return [CATALOGUE_INDEX] if schedule.on_new_index else None
