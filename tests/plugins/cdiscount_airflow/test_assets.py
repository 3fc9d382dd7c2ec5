from types import SimpleNamespace

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable
from cdiscount_airflow import assets

from cdiscount_tasks.config import SampleConfig, ScheduleConfig, TrainingConfig


def schedule_of(**settings):
    presets = {"baseline": TrainingConfig()}
    schedule = ScheduleConfig(**settings)
    return assets.schedule_of(
        SampleConfig(name="tea", title="Tea", categories="all", presets=presets, schedule=schedule)
    )


def test_a_new_report_tells_its_headline_in_the_event():
    events = {assets.report_of("tea"): SimpleNamespace(extra={})}
    headline = {"sample": "tea", "product_accuracy": 0.8, "report_path": "tea/run/report.html"}

    assets.publish_report(events, headline)

    assert events[assets.report_of("tea")].extra == headline


def test_without_a_schedule_a_dag_waits_to_be_triggered():
    assert schedule_of() is None


def test_cron_alone_is_a_timetable():
    assert isinstance(schedule_of(cron="0 3 * * 1"), CronTriggerTimetable)


def test_a_new_index_alone_is_the_asset():
    assert schedule_of(on_new_index=True) == [assets.CATALOGUE_INDEX]


def test_both_are_joined():
    assert isinstance(schedule_of(cron="0 3 * * 1", on_new_index=True), AssetOrTimeSchedule)
