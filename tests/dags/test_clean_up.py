import json
import os
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tests.material.data_roots import DataRoot


@pytest.fixture
def dag(project_dags):
    return project_dags["cdiscount_clean_up"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    made = DataRoot(tmp_path)
    settings = {"DATA": "data", "REPORTS": "reports", "CATALOGUE": "catalogue.bson", "LABEL_FIXES": "fixes"}
    for name, path in settings.items():
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(tmp_path / path))
    monkeypatch.delenv("CDISCOUNT_KEEP_RUNS", raising=False)
    made.run("one", 90)
    return made


@pytest.fixture
def call(dag, monkeypatch):
    """Return what calls a task's body as Airflow does, with the form's values."""
    from cdiscount_airflow.tasks import stage_task

    monkeypatch.setattr(stage_task, "leave_reason", lambda *_: None)

    def act(task_id, run_type="manual", conf=None):
        params = {**{name: dag.params[name] for name in dag.params}, **(conf or {})}
        dag_run = SimpleNamespace(run_type=run_type, conf=conf or {})
        return dag.get_task(task_id).python_callable(params=params, dag_run=dag_run)

    return act


def test_it_says_first_and_removes_second(dag):
    assert dag.get_task("say_what_nothing_needs").upstream_task_ids == set()
    for task_id in ("remove_it", "remove_old_rows"):
        assert dag.get_task(task_id).upstream_task_ids == {"say_what_nothing_needs"}


def test_it_runs_on_sundays_from_the_next_one_on(dag):
    assert dag.timetable.expression == "0 4 * * 0"
    assert dag.timetable.run_immediately == timedelta(0)


def test_the_form_wants_nothing_removed_unless_it_is_changed(dag):
    assert {name: dag.params[name] for name in dag.params} == {
        "dry_run": True,
        "keep_runs": None,
        "airflow_rows_days": None,
    }
    assert dag.params.get_param("keep_runs").schema["minimum"] == 1


def test_a_run_by_hand_says_what_would_go_and_removes_nothing(root, call):
    stray = root.artifact("samples/wine", "features", "nobody's")
    assert "nothing needs 1 folder of 0.0 MB" in call("say_what_nothing_needs")
    with pytest.raises(AirflowSkipException):
        call("remove_it")
    assert stray.is_dir()
    assert (root.environment.reports_dir / "disk.json").is_file()


@pytest.mark.parametrize(("run_type", "conf"), [("manual", {"dry_run": False}), ("scheduled", None)])
def test_the_schedule_removes_and_so_does_a_run_that_is_told_to(root, call, run_type, conf):
    stray = root.artifact("samples/wine", "features", "nobody's")
    assert "removed 1 folder" in call("remove_it", run_type, conf)
    assert not stray.exists()


def test_the_form_says_how_many_runs_stay(root, call):
    old, new = (root.run(name, days) for name, days in (("old", 60), ("new", 30)))
    call("remove_it", conf={"dry_run": False, "keep_runs": 1})
    assert (old["model"].exists(), new["model"].exists()) == (False, True)


def test_an_unknown_key_is_refused(root, call):
    with pytest.raises(AirflowFailException, match="'dryrun' is not a setting of this run; did you mean dry_run"):
        call("remove_it", conf={"dryrun": False})


def test_a_damaged_history_fails_without_a_retry_and_removes_nothing(root, call):
    stray = root.artifact("samples/wine", "features", "nobody's")
    folder = root.path / "registry" / "wine"
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("{}\n")
    with pytest.raises(AirflowFailException, match="nothing is removed"):
        call("remove_it", "scheduled")
    assert stray.is_dir()


def test_airflows_own_rows_stay_unless_the_form_gives_an_age(call, monkeypatch):
    from cdiscount_airflow import old_rows

    asked = []
    monkeypatch.setattr(old_rows, "remove_old_rows", lambda days, dry_run: asked.append((days, dry_run)) or "rows")
    monkeypatch.setattr(old_rows, "remove_old_logs", lambda *_, **__: "logs")
    with pytest.raises(AirflowSkipException):
        call("remove_old_rows")
    assert call("remove_old_rows", conf={"airflow_rows_days": 90}) == "rows; logs"
    call("remove_old_rows", conf={"airflow_rows_days": 90, "dry_run": False})
    assert asked == [(90, True), (90, False)]


PROGRAM = """
import json, os, sys
from datetime import UTC, datetime

from tools.airflow.home import home_dir
from tools.airflow.throw_away_home import throw_away_home

with throw_away_home(home_dir()) as (_, environ):
    os.environ.update(environ)
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(sys.argv[1] + "/dags").dags["cdiscount_clean_up"]
    run = dag.test(logical_date=datetime.now(UTC), run_conf=json.loads(sys.argv[2]))
    print("TOLD " + json.dumps({task.task_id: str(task.state) for task in run.get_task_instances()}))
"""


@pytest.mark.airflow
def test_airflow_runs_it_with_its_own_old_rows(root, project_dir, give_database):
    home = root.path.parent / "airflow"
    give_database(home / "template")
    stray = root.artifact("samples/wine", "features", "nobody's")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(project_dir), str(project_dir / "plugins")]),
    }
    conf = json.dumps({"dry_run": False, "airflow_rows_days": 30})
    command = [sys.executable, "-c", PROGRAM, str(project_dir), conf]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    states = json.loads(ended.stdout.rsplit("TOLD ", 1)[1].splitlines()[0])
    assert states == dict.fromkeys(("say_what_nothing_needs", "remove_it", "remove_old_rows"), "success")
    assert not stray.exists()
    assert root.index.is_dir()
