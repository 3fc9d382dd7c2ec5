"""The DAG of the catalogue: its shape, and its way in one process with Airflow's own database."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

STORY = [
    "notice_catalogue",
    "index_catalogue.plan_ranges",
    "index_catalogue.scan_range",
    "index_catalogue.merge_index",
    "write_catalogue_page",
    "publish_index",
]
NUM_PRODUCTS = 150

# For each command: change something, run the DAG in this process, and note the states of its tasks and the asset's
# events. `dag.test()` makes manual runs only, so who asks whether a run is scheduled is told.
PROGRAM = """
import json, os, sys
from datetime import UTC, datetime
from pathlib import Path

from tools.airflow.home import home_dir
from tools.airflow.throw_away_home import throw_away_home

project_dir, commands = sys.argv[1], json.loads(sys.argv[2])
catalogue = Path(os.environ["CDISCOUNT_DATA"], "demo", "catalogue.bson")


def change(what, number):
    if what == "changed":
        data = bytearray(catalogue.read_bytes())
        data[-5] ^= 1  # the last document's category_id
        catalogue.write_bytes(data)
    if what in ("touched", "changed"):
        os.utime(catalogue, (1_700_000_000 + number,) * 2)


with throw_away_home(home_dir()) as (_, environ):
    os.environ.update(environ)
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from cdiscount_airflow.tasks import stage_task

    told = []
    for number, command in enumerate(commands):
        kind, what = command.split()
        change(what, number)
        stage_task.is_scheduled = lambda dag_run: kind == "scheduled"
        dag = DagBag(project_dir + "/dags").dags["cdiscount_catalogue"]
        run = dag.test(logical_date=datetime(2026, 1, 1, number, tzinfo=UTC))
        with create_session() as session:
            events = [event.extra for event in session.query(AssetEvent).order_by(AssetEvent.id)]
        states = {task.task_id: str(task.state) for task in run.get_task_instances()}
        told.append({"state": str(run.state), "tasks": states, "events": events})
    print("TOLD " + json.dumps(told))
"""


def test_the_catalogue_dag_tells_the_story_in_order(project_dags):
    dag = project_dags["cdiscount_catalogue"]

    assert sorted(dag.task_ids) == sorted(STORY)
    place = {task_id: number for number, task_id in enumerate(STORY)}
    for task in dag.tasks:
        assert all(place[above] < place[task.task_id] for above in task.upstream_task_ids)
    assert all(dag.get_task(task_id).upstream_task_ids for task_id in STORY[1:])


def test_it_alone_publishes_the_index(project_dags):
    publishers = {
        (dag_id, task.task_id)
        for dag_id, dag in project_dags.items()
        for task in dag.tasks
        if any(asset.name == "catalogue_index" for asset in task.outlets)
    }

    assert publishers == {("cdiscount_catalogue", "publish_index")}


def test_it_looks_at_the_catalogue_every_hour_from_the_next_tick_on(project_dags):
    timetable = project_dags["cdiscount_catalogue"].timetable

    assert timetable.expression == "45 * * * *"
    assert timetable.run_immediately == timedelta(0)


class Place:
    """A drawn catalogue, and the runs of the DAG on it."""

    def __init__(self, project_dir, root):
        self.project_dir, self.root = project_dir, root
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CDISCOUNT_", "AIRFLOW"))}
        mine = {"CDISCOUNT_DATA": "data", "CDISCOUNT_REPORTS": "reports", "AIRFLOW_HOME": "airflow"}
        self.environ = {
            **kept,
            **{name: str(root / folder) for name, folder in mine.items()},
            "PYTHONPATH": os.pathsep.join([str(project_dir), str(project_dir / "plugins")]),
        }

    def start(self, *command):
        started = subprocess.run(
            [sys.executable, *command], env=self.environ, capture_output=True, text=True, check=False
        )
        assert started.returncode == 0, started.stdout[-3000:] + started.stderr[-3000:]
        return started.stdout

    def run(self, *commands):
        told = self.start("-c", PROGRAM, str(self.project_dir), json.dumps(commands))
        return json.loads(told.rsplit("TOLD ", 1)[1].splitlines()[0])


RUNS = ["manual as_drawn", "scheduled again", "manual touched", "scheduled changed"]


@pytest.fixture(scope="module")
def place(project_dir, tmp_path_factory, give_database):
    place = Place(project_dir, tmp_path_factory.mktemp("catalogue"))
    give_database(place.root / "airflow" / "template")
    demo_dir = place.root / "data" / "demo"
    place.start("-m", "demo", "--out", str(demo_dir), "--products", str(NUM_PRODUCTS))
    return place


@pytest.fixture(scope="module")
def runs(place):
    """Return what each of RUNS left, by its name."""
    return dict(zip(RUNS, place.run(*RUNS), strict=True))


@pytest.mark.airflow
def test_a_new_catalogue_is_indexed_shown_and_published(runs, place):
    first = runs["manual as_drawn"]

    assert set(first["tasks"].values()) == {"success"}
    assert len(first["events"]) == 1
    event = first["events"][0]
    assert (event["origin"], event["num_products"]) == ("drawn", NUM_PRODUCTS)
    names = {path.name for path in (place.root / "reports" / "catalogue" / event["catalogue_id"]).iterdir()}
    assert names == {"catalogue.html", "categories.csv", "profile.json", "manifest.json"}
    assert event["catalogue_id"] in (place.root / "reports" / "index.html").read_text()


@pytest.mark.airflow
def test_a_scheduled_run_skips_when_nothing_changed(runs):
    assert set(runs["scheduled again"]["tasks"].values()) == {"skipped"}


@pytest.mark.airflow
def test_a_touched_file_is_shown_again_and_publishes_nothing(runs):
    touched = runs["manual touched"]

    assert touched["state"] == "success"
    assert touched["tasks"]["index_catalogue.merge_index"] == touched["tasks"]["write_catalogue_page"] == "success"
    assert touched["tasks"]["publish_index"] == "skipped"
    assert len(touched["events"]) == 1


@pytest.mark.airflow
def test_changed_content_is_published_once_more(runs):
    events = runs["scheduled changed"]["events"]

    assert len({event["catalogue_id"] for event in events}) == len(events) == 2
