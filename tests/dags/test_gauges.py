from datetime import timedelta

import pytest


def test_it_looks_every_hour_when_no_other_dag_begins(project_dags):
    dag = project_dags["cdiscount_gauges"]
    assert dag.timetable.expression == "30 * * * *"
    assert dag.timetable.run_immediately == timedelta(0)


@pytest.mark.parametrize("task_id", ["write_report", "train_model"])
def test_a_step_of_a_sample_sets_its_gauges(project_dags, monkeypatch, task_id):
    from cdiscount_airflow import gauges

    from cdiscount_tasks.runs import gauges as figures
    from cdiscount_tasks.runs import steps

    asked = []
    monkeypatch.setattr(steps, "make", lambda *_: "made")
    monkeypatch.setattr(figures, "gauges_of_step", lambda *step: asked.append(step) or [])
    make = project_dags["cdiscount_wine"].get_task(task_id).python_callable.__wrapped__.__globals__["make"]
    assert make.__globals__["gauges"] is gauges
    assert make("report", "wine", "one") == "made"
    assert asked == [("report", "wine", "one")]
