from datetime import timedelta

import pytest


def test_it_looks_every_hour_when_no_other_dag_begins(project_dags):
    dag = project_dags["cdiscount_gauges"]
    assert dag.timetable.expression == "30 * * * *"
    assert dag.timetable.run_immediately == timedelta(0)


@pytest.mark.parametrize("task_id", ["draw_sample", "train_model", "write_report"])
def test_a_step_of_a_sample_is_told_outside_once_it_is_made(project_dags, monkeypatch, task_id):
    from cdiscount_tasks.runs import gauges, made_from, steps

    asked = []
    monkeypatch.setattr(steps, "make", lambda *step: asked.append(("make", *step)) or "made")
    monkeypatch.setattr(gauges, "gauges_of_step", lambda *step: asked.append(("gauges", *step)) or [])
    monkeypatch.setattr(made_from, "made_from", lambda *step: asked.append(("lineage", *step)))
    make = project_dags["cdiscount_wine"].get_task(task_id).python_callable.__wrapped__.__globals__["make"]
    assert make("report", "wine", "one") == "made"
    assert asked[:2] == [(what, "report", "wine", "one") for what in ("make", "gauges")]
