import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.metrics import METRICS, read_metrics
from tests.material.finished_reports import write_finished

WAY_OUT = "clear the task write_report of its run in Airflow, or remove the folder"


def test_metrics_of_a_finished_report_are_read(tmp_path):
    assert read_metrics(write_finished(tmp_path, "a"))["run_id"] == "manual__a"


def test_missing_metrics_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match=rf"metrics\.json is missing; {WAY_OUT}"):
        read_metrics(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000])
def test_damaged_metrics_say_what_to_do(tmp_path, text):
    (tmp_path / METRICS).write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=rf"metrics\.json is damaged .*; .*{WAY_OUT}"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(("version", "age"), [(0, "an older"), (2, "another"), ("new", "another")])
def test_another_schema_is_refused(tmp_path, version, age):
    with pytest.raises(DataError, match=f"is of {age} schema"):
        read_metrics(write_finished(tmp_path, schema_version=version))
