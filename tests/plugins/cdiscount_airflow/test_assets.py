from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable
from airflow.sdk.execution_time.context import OutletEventAccessors
from cdiscount_airflow import assets

from cdiscount_tasks.settings.sample import SampleConfig, ScheduleConfig
from cdiscount_tasks.settings.training import TrainingConfig


def sample_with(**settings):
    presets = {"baseline": TrainingConfig()}
    schedule = ScheduleConfig(**settings)
    return SampleConfig(name="tea", title="Tea", categories="all", presets=presets, schedule=schedule)


def schedule_of(**settings):
    return assets.schedule_of(sample_with(**settings))


def test_a_new_report_tells_its_headline_in_the_event():
    events = {assets.report_of("tea"): SimpleNamespace(extra={})}
    headline = {"sample": "tea", "product_accuracy": 0.8, "report_path": "tea/run/report.html"}

    assets.publish_report(events, headline)

    assert events[assets.report_of("tea")].extra == headline


@pytest.mark.parametrize(("run_type", "is_of"), [("asset_triggered", True), ("scheduled", False), ("manual", False)])
def test_only_an_asset_triggered_run_is_of_a_new_index(run_type, is_of):
    assert assets.is_of_new_index(SimpleNamespace(run_type=run_type)) is is_of


def test_without_a_schedule_a_dag_waits_to_be_triggered():
    assert schedule_of() is None


def test_cron_alone_is_a_timetable():
    assert isinstance(schedule_of(cron="0 3 * * 1"), CronTriggerTimetable)


def test_a_new_index_alone_is_the_asset():
    assert schedule_of(on_new_index=True) == [assets.CATALOGUE_INDEX]


def test_both_are_joined():
    assert isinstance(schedule_of(cron="0 3 * * 1", on_new_index=True), AssetOrTimeSchedule)


@pytest.mark.parametrize(
    ("settings", "told", "not_told"),
    [
        ({}, ["**Runs by itself**: never"], ["Unpausing"]),
        (
            {"cron": "0 3 * * 1"},
            ["cron `0 3 * * 1` (UTC), once", "skipped if nothing changed", "at once"],
            ["indexed"],
        ),
        ({"on_new_index": True}, ["when a new catalogue has been indexed, once", "the pause starts no run"], ["cron"]),
        ({"cron": "0 3 * * 1", "retrain": "always"}, ["with a seed of its own"], ["is skipped"]),
    ],
)
def test_a_dags_page_says_when_it_runs_and_what_unpausing_starts(settings, told, not_told):
    page = " ".join(assets.schedule_in_words(sample_with(**settings)))

    assert all(words in page for words in told)
    assert not any(words in page for words in not_told)


CRON = "0 3 * * 1"
WEDNESDAY = pendulum.datetime(2026, 11, 25, 15)
MONDAY_BEFORE, MONDAY_AFTER = pendulum.datetime(2026, 11, 23, 3), pendulum.datetime(2026, 11, 30, 3)


@pytest.fixture
def next_run(monkeypatch):
    """Return when Airflow's scheduler starts the next run of a cron, on a Wednesday, given the last one it started."""

    def ask(last_run):
        from airflow.serialization.decoders import decode_timetable
        from airflow.serialization.encoders import encode_timetable
        from airflow.timetables import trigger
        from airflow.timetables.base import DataInterval, TimeRestriction

        monkeypatch.setattr(trigger, "utcnow", lambda: WEDNESDAY)
        timetable = decode_timetable(encode_timetable(schedule_of(cron=CRON)))
        last = DataInterval.exact(last_run) if last_run else None
        restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
        return timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction).run_after

    return ask


def test_the_first_unpausing_waits_for_the_next_tick(next_run):
    assert next_run(None) == MONDAY_AFTER


def test_a_dag_that_was_not_paused_waits_for_the_next_tick(next_run):
    assert next_run(MONDAY_BEFORE) == MONDAY_AFTER


def test_after_a_pause_one_run_makes_up_for_the_last_tick_alone(next_run):
    assert next_run(MONDAY_BEFORE.subtract(weeks=5)) == MONDAY_BEFORE


@pytest.mark.parametrize(
    ("schedule", "tags"),
    [
        ({"cron": "0 3 * * 1", "on_new_index": True}, ["cron 0 3 * * 1 UTC"]),
        ({"cron": "0 3 * * 1"}, []),
        ({"on_new_index": True}, []),
    ],
)
def test_a_cron_that_airflows_list_hides_behind_an_asset_is_a_tag(schedule, tags):
    assert assets.schedule_tags(sample_with(**schedule)) == tags


def test_a_new_champion_is_an_event_of_its_own_asset_with_the_figures():
    events = OutletEventAccessors()
    facts = {"decision": 3, "run_id": "manual__1", "verdict": "better", "accuracy": 0.9}
    assets.publish_champion(events, "tea", facts)
    (event,) = events[assets.champion_changes("tea")].asset_alias_events
    assert event.dest_asset_key.uri == assets.champion_of("tea").uri == "cdiscount://champions/tea"
    assert event.extra == facts


def test_a_task_that_changes_no_champion_makes_no_event():
    assert OutletEventAccessors()[assets.champion_changes("tea")].asset_alias_events == []


def test_each_sample_has_assets_of_its_own():
    names = {make(sample).name for make in (assets.champion_of, assets.champion_changes) for sample in ("tea", "wine")}
    assert len(names) == 4
