import time

import pytest

from cdiscount_tasks.reports import disk
from cdiscount_tasks.reports.disk import WINDOW_DAYS, disk_warning
from cdiscount_tasks.runs import disk_forecast
from tests.material.data_roots import DAY_S, NUM_BYTES, DataRoot
from tests.material.finished_reports import finish_at


@pytest.fixture
def root(tmp_path):
    made = DataRoot(tmp_path)
    finish_at(made.index, time.time() - 100 * DAY_S)
    return made


def make(root, name, days):
    folder = root.artifact("samples/wine", "features", name)
    finish_at(folder, time.time() - days * DAY_S)


def test_growth_is_what_the_last_four_weeks_have_left(root):
    assert disk_forecast.forecast_disk(root.environment).bytes_a_day == 0
    for name, days in (("a", 1), ("b", 27), ("c", 29)):
        make(root, name, days)
    found = disk_forecast.forecast_disk(root.environment)
    assert 2 * NUM_BYTES < found.bytes_a_day * WINDOW_DAYS < 4 * NUM_BYTES  # with their manifests
    assert found.free_bytes > 0


def test_data_that_is_younger_than_that_is_measured_over_its_age(root):
    finish_at(root.index, time.time() - 4 * DAY_S)
    make(root, "a", 1)
    found = disk_forecast.forecast_disk(root.environment)
    assert found.num_days == pytest.approx(4, abs=0.01)
    assert 2 * NUM_BYTES < found.bytes_a_day * 4 < 4 * NUM_BYTES  # both, with their manifests


@pytest.mark.parametrize("days", [0.01, 1.9, -1])
def test_data_of_ten_minutes_or_of_tomorrow_is_too_young_for_a_forecast(root, days):
    finish_at(root.index, time.time() - days * DAY_S)
    assert "too young to say when the disk will be full" in disk_forecast.note_disk(root.environment)


def test_reports_on_the_same_disk_count(root):
    before = disk_forecast.forecast_disk(root.environment).bytes_a_day
    root.run("one", 3)
    data_alone = sum(path.stat().st_size for path in root.path.rglob("*") if path.is_file()) / WINDOW_DAYS
    assert disk_forecast.forecast_disk(root.environment).bytes_a_day > before
    assert (root.environment.reports_dir / "wine").is_dir()
    assert disk_forecast.forecast_disk(root.environment).bytes_a_day < data_alone * 4


def test_hidden_parts_and_links_do_not_count(root):
    make(root, "a", 1)
    before = disk_forecast.forecast_disk(root.environment).bytes_a_day
    wine = root.path / "samples" / "wine"
    (folder,) = wine.glob("features-*")
    (wine / "linked").symlink_to(folder)
    folder.rename(wine / f".{folder.name}.part")
    assert before > 0
    assert disk_forecast.forecast_disk(root.environment).bytes_a_day == 0


def test_the_note_is_read_by_the_index(root, monkeypatch):
    make(root, "a", 1)
    monkeypatch.setattr(disk_forecast.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    assert "in about 1 day" in disk_forecast.note_disk(root.environment)
    assert disk_warning(root.environment.reports_dir) in (root.environment.reports_dir / "index.html").read_text()


def test_a_reports_folder_that_cannot_be_written_costs_the_note_alone(root, monkeypatch):
    def refuse(path, _):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(disk, "replace_file", refuse)
    assert "It could not be noted" in disk_forecast.note_disk(root.environment)
    assert "the disk is full" in disk_forecast.note_disk(root.environment)


def test_without_a_data_folder_there_is_nothing_to_say(tmp_path):
    root = DataRoot(tmp_path)
    root.path.rename(tmp_path / "elsewhere")
    assert disk_forecast.note_disk(root.environment) == "There is no data folder yet."


def test_predictions_and_their_pages_count(root):
    asked = root.run("one", 3)
    before = disk_forecast.forecast_disk(root.environment).bytes_a_day
    at = root.predictions("asks", 2, asked)
    made = sum(path.stat().st_size for folder in at.values() for path in folder.iterdir())
    assert disk_forecast.forecast_disk(root.environment).bytes_a_day - before > made / WINDOW_DAYS
