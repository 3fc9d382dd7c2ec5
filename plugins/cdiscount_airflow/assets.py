"""All of the project's assets, and what makes a sample's DAG run by itself.

Assets live in this module alone: two definitions of one name that differ make the producing task fail.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAlias, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable

from cdiscount_tasks.settings.sample import SampleConfig

CATALOGUE_INDEX = Asset(name="catalogue_index", uri="cdiscount://catalogue/index", group="cdiscount")
"""A catalogue's index; only the DAG `cdiscount_catalogue` publishes it, and only for new content."""


RUN_TYPES = ("manual", "scheduled", "asset_triggered", "asset_materialization", "operator_triggered")
"""How a run may be started: every way but a backfill, whose runs would all make the same of today's catalogue."""


def report_of(sample_name: str) -> Asset:
    """Return the asset of a sample's newest report; the sample's own DAG publishes it."""
    return Asset(name=f"report_{sample_name}", uri=f"cdiscount://reports/{sample_name}", group="cdiscount")


def champion_of(sample_name: str) -> Asset:
    """Return the asset of a sample's champion; it has an event for each change, by a promotion."""
    return Asset(name=f"champion_{sample_name}", uri=f"cdiscount://champions/{sample_name}", group="cdiscount")


def champion_changes(sample_name: str) -> AssetAlias:
    """Return the outlet of the task that may change the champion: it makes an event only where it says so."""
    return AssetAlias(name=f"champion_changes_{sample_name}", group="cdiscount")


def publish_champion(outlet_events: Any, sample_name: str, facts: Mapping[str, Any]) -> None:
    """Make the event of a new champion.

    Args:
        outlet_events: Of a task that has `champion_changes` among its outlets.
        sample_name: Whose.
        facts: Of the decision.
    """
    outlet_events[champion_changes(sample_name)].add(champion_of(sample_name), extra=dict(facts))


def any_report_of(sample_names: Iterable[str]) -> AssetAny:
    """Return the schedule of a DAG that runs whenever one of some samples has a new report."""
    return AssetAny(*map(report_of, sample_names))


def _cron(expression: str) -> CronTriggerTimetable:
    """Return a timetable whose first run is the next tick, never the last past one (`run_immediately` of zero)."""
    return CronTriggerTimetable(expression, timezone="UTC", run_immediately=timedelta(0))


def schedule_of(sample: SampleConfig) -> Any:
    """Return a sample's schedule as Airflow takes it: cron, a new index, both, or None."""
    schedule = sample.schedule
    if schedule.cron and schedule.on_new_index:
        return AssetOrTimeSchedule(timetable=_cron(schedule.cron), assets=[CATALOGUE_INDEX])
    if schedule.cron:
        return _cron(schedule.cron)
    return [CATALOGUE_INDEX] if schedule.on_new_index else None


def times_in_words(sample: SampleConfig) -> list[str]:
    """Return when a sample's DAG runs by itself, once it is unpaused; none: never."""
    schedule = sample.schedule
    times = [f"cron `{schedule.cron}` (UTC)"] if schedule.cron else []
    return times + (["when a new catalogue has been indexed"] if schedule.on_new_index else [])


def schedule_tags(sample: SampleConfig) -> list[str]:
    """Return the times of a schedule that Airflow's list of DAGs does not show: beside an asset it hides a cron."""
    schedule = sample.schedule
    return [f"cron {schedule.cron} UTC"] if schedule.cron and schedule.on_new_index else []


def schedule_in_words(sample: SampleConfig) -> list[str]:
    """Return what a person has to know about when a sample's DAG runs by itself, each a Markdown paragraph."""
    schedule, times = sample.schedule, times_in_words(sample)
    if not times:
        return ["**Runs by itself**: never"]
    if schedule.retrain == "always":
        then = "Each of these runs trains, with a seed of its own (`retrain: always`)."
    else:
        then = (
            "Such a run is skipped if nothing changed since the last finished run of its preset; its task *Notice "
            "changes* says what to change. A run that you trigger is never skipped."
        )
    unpaused = "**Unpausing** waits for the next of these times."
    if schedule.cron:
        unpaused += (
            " After a pause that followed a scheduled run, one run starts at once, for the last time that was missed."
        )
    if schedule.on_new_index:
        unpaused += (
            " A catalogue that was indexed during the pause starts no run, and one that the last finished run used is "
            "not trained on again."
        )
    return [f"**Runs by itself**: {', and '.join(times)}, once the DAG is unpaused. {then}", unpaused]


def every_hour() -> CronTriggerTimetable:
    """Return the schedule on which the catalogue is looked at: before the full hour, on which samples' crons tick."""
    return _cron("45 * * * *")


def every_hour_for_gauges() -> CronTriggerTimetable:
    """Return the schedule on which gauges of now are set: when no other DAG of the project begins."""
    return _cron("30 * * * *")


def on_new_champions(sample_names: Iterable[str]) -> Any:
    """Return the schedule of the look for files to predict: every hour, and whenever a champion is a new one."""
    champions = list(map(champion_of, sample_names))
    timetable = _cron("15 * * * *")
    return AssetOrTimeSchedule(timetable=timetable, assets=AssetAny(*champions)) if champions else timetable


def every_week() -> CronTriggerTimetable:
    """Return the schedule of the clean-up: when nobody works, and after the crons of the night have begun."""
    return _cron("0 4 * * 0")


def is_of_new_index(dag_run: Any) -> bool:
    """Tell whether a sample's run was started by a published index."""
    return bool(dag_run.run_type == "asset_triggered")


def is_published(inlet_events: Any, catalogue_id: str) -> bool:
    """Tell whether the newest event of the index is of this content; Airflow's own database is what remembers.

    Args:
        inlet_events: Of a task that has CATALOGUE_INDEX among its inlets.
        catalogue_id: Of the index at hand.
    """
    newest = list(inlet_events[CATALOGUE_INDEX].ascending(False).limit(1))
    return bool(newest) and (newest[0].extra or {}).get("catalogue_id") == catalogue_id


def publish_report(outlet_events: Any, headline: Mapping[str, Any]) -> None:
    """Give the event of a new report its headline: accuracy by product with its interval, preset, model, page.

    Args:
        outlet_events: Of a task that has the sample's report among its outlets; its success makes the event.
        headline: Of the report, as `read_headline` gives it.
    """
    outlet_events[report_of(headline["sample"])].extra.update(headline)


def publish(outlet_events: Any, index: Mapping[str, Any]) -> None:
    """Give the event of a new index what its readers want to know.

    Args:
        outlet_events: Of a task that has CATALOGUE_INDEX among its outlets; its success makes the event.
        index: The facts of the index: catalogue_id, origin, counts.
    """
    facts = ("catalogue_id", "origin", "is_complete_train_bson", "num_products", "num_images", "num_categories")
    outlet_events[CATALOGUE_INDEX].extra.update({fact: index[fact] for fact in facts})
