import json
from datetime import UTC, datetime, timedelta

import pytest

from cdiscount_tasks.pages.overview.page import render_index
from cdiscount_tasks.reports.disk import DISK_NOTE, DiskForecast, disk_warning, write_disk_note
from cdiscount_tasks.reports.overview import write_reports_index

GB = 10**9


def forecast(days_left, days_ago=0.0, a_day=GB):
    return DiskForecast(datetime.now(UTC) - timedelta(days=days_ago), int(days_left * a_day), a_day)


def test_a_disk_that_is_full_in_a_month_is_warned_of_with_the_day(tmp_path):
    made = DiskForecast(datetime.now(UTC), 12 * GB, GB)
    write_disk_note(tmp_path, made)
    told = disk_warning(tmp_path)
    assert told == made.in_words()
    assert "full in about 12 days, by " in told
    assert f"{made.at + timedelta(days=12):%Y-%m-%d}" in told
    assert "12.0 GB are free, and 1.0 GB are added a day" in told


@pytest.mark.parametrize(("days_left", "warned"), [(0, True), (29.9, True), (30.1, False), (400, False)])
def test_only_the_next_month_is_warned_of(tmp_path, days_left, warned):
    write_disk_note(tmp_path, forecast(days_left))
    assert bool(disk_warning(tmp_path)) == warned


def test_a_disk_that_does_not_grow_is_never_full():
    assert "will not be full for years" in DiskForecast(datetime.now(UTC), GB, 0.0).in_words()
    assert "0.0 MB are added a day" in DiskForecast(datetime.now(UTC), GB, 0.0).in_words()


def test_a_full_disk_is_full_in_a_day():
    assert "in about 1 day, by" in forecast(0).in_words()


@pytest.mark.parametrize(("num_days", "window"), [(28, "the four weeks before"), (3.2, "the 3 days before")])
def test_the_forecast_says_over_which_days_it_looked(tmp_path, num_days, window):
    made = DiskForecast(datetime.now(UTC), 5 * GB, GB, num_days)
    write_disk_note(tmp_path, made)
    assert f"if it grows as in {window}" in disk_warning(tmp_path)


def test_data_of_a_day_says_nothing_of_when_the_disk_is_full(tmp_path):
    made = DiskForecast(datetime.now(UTC), 5 * GB, GB, 1.9)
    write_disk_note(tmp_path, made)
    assert disk_warning(tmp_path) == ""
    assert made.in_words().endswith("less than 2 days old, too young to say when the disk will be full.")


def test_a_note_of_an_older_version_looked_at_four_weeks(tmp_path):
    write_disk_note(tmp_path, forecast(5))
    note = json.loads((tmp_path / DISK_NOTE).read_text())
    del note["num_days"]
    (tmp_path / DISK_NOTE).write_text(json.dumps(note))
    assert "as in the four weeks" in disk_warning(tmp_path)


def test_an_old_note_says_nothing(tmp_path):
    write_disk_note(tmp_path, forecast(5, days_ago=36))
    assert disk_warning(tmp_path) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"at": 3}',
        '{"at": "2026-11-26T00:00:00+00:00", "free_bytes": "x", "bytes_a_day": 1}',
        '{"at": "2026-11-26T00:00:00+00:00", "free_bytes": 1e999, "bytes_a_day": 1}',
    ],
)
def test_a_damaged_note_costs_no_index(tmp_path, text):
    (tmp_path / DISK_NOTE).write_text(text)
    assert disk_warning(tmp_path) == ""
    write_reports_index(tmp_path)


def test_the_index_warns_and_says_what_to_do(tmp_path):
    write_disk_note(tmp_path, forecast(5))
    write_reports_index(tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "full in about 5 days" in page
    assert "<code>make clean-up</code>" in page
    assert "make clean-up" not in render_index([])
