import pytest
from cdiscount_airflow import gauges

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.gauges import Gauge
from tests.material.colours_sample import Place
from tests.material.gauged_run import GAUGES_OF_REPORT, write_gauged_run
from tests.material.otlp_collector import otlp_collector
from tests.material.real_task import RUN_ID, environ_of, run_task
from tools.airflow.home import PROJECT_DIR

DAG = f"""
from airflow.sdk import dag
from cdiscount_airflow import gauges
from cdiscount_airflow.tasks.stage_task import stage_task

@stage_task(retries=0)
def report() -> str:
    from cdiscount_tasks.runs.gauges import gauges_of_step

    gauges.set_gauges(lambda: gauges_of_step("report", "colours", {RUN_ID!r}))
    return "written"

@dag(dag_id="one", schedule=None)
def one():
    report()

one()
"""


def test_a_gauge_that_cannot_be_set_ends_no_task(monkeypatch):
    told = []
    monkeypatch.setattr(gauges.logger, "warning", lambda words, *of: told.append(words % of))

    def find():
        yield Gauge("accuracy", 0.7, {"sample": "wine"})
        raise DataError("metrics.json is damaged")

    gauges.set_gauges(find)
    assert told == ["no gauge was set for whoever watches from outside (DataError: metrics.json is damaged)"]


@pytest.fixture
def written(tmp_path, tiny_path, monkeypatch):
    """Return a DAG's file, whose task sets the gauges of a report that is there."""
    Place(tmp_path, tiny_path).use(monkeypatch)
    write_gauged_run(RUN_ID)
    path = tmp_path / "dags" / "one.py"
    path.parent.mkdir()
    path.write_text(DAG)
    return path


@pytest.mark.airflow
def test_a_collector_sees_what_a_real_task_has_to_say(written, tmp_path):
    with otlp_collector() as (address, received):
        settings = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
        run_task(written, "one", "report", environ_of(tmp_path, **settings))
    seen = {name.removeprefix("airflow.cdiscount."): value for name, _, value in received if ".cdiscount." in name}
    assert seen == GAUGES_OF_REPORT
    assert {tags["sample"] for name, tags, _ in received if ".cdiscount." in name} == {"colours"}


@pytest.mark.airflow
def test_a_collector_that_is_away_ends_no_task(written, tmp_path):
    settings = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    settings |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    assert "final_state=success" in run_task(written, "one", "report", environ_of(tmp_path, **settings))


@pytest.mark.airflow
def test_the_dag_of_gauges_says_how_old_reports_are(written, tmp_path):
    with otlp_collector() as (address, received):
        settings = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
        environ = environ_of(tmp_path, **settings)
        run_task(PROJECT_DIR / "dags" / "gauges.py", "cdiscount_gauges", "set_gauges_of_now", environ)
    seen = {(name, *tags.values()) for name, tags, _ in received if ".cdiscount." in name}
    assert seen == {
        ("airflow.cdiscount.days_since_report", "colours"),
        ("airflow.cdiscount.days_since_run", "colours"),
        *((f"airflow.cdiscount.disk_free_{what}", of) for what in ("bytes", "share") for of in ("data", "reports")),
    }
