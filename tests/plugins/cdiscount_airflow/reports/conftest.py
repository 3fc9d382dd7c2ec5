"""Reports, an Airflow database and a mounted app to try the plugin's routes on, with the real SimpleAuthManager."""

import shutil
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from cdiscount_tasks.artifacts.publish import Made, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.artifacts.training_folder import write_progress
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.training_note import note_training
from tests.material.finished_reports import write_finished
from tests.material.training_progress import PROGRESS_OF_EPOCH_8

FINISHED = "manual__2026-11-25T15:17:00.123+00:00"
OTHER = "scheduled__2026-11-24T03:00:00+00:00"
RUNNING = "manual__2026-11-25T16:00:00+00:00"
SECRET = "the secret of another folder"
SCRIPT = "<script>parent.document.documentElement.dataset.owned = 'yes'</script>"
PREFIX = "/evaluation_reports"
WINE = f"{PREFIX}/files/wine/{run_folder(FINISHED)}"
MIXED_BAG = f"{PREFIX}/files/mixed_bag/{run_folder(OTHER)}"
RUN = f"{PREFIX}/dags/cdiscount_wine/runs/{quote(FINISHED, safe='')}/"
PAGES = [
    f"{PREFIX}/",
    f"{PREFIX}/files/index.html",
    f"{PREFIX}/dags/cdiscount_wine/",
    f"{PREFIX}/dags/cdiscount_sample_comparison/",
    f"{PREFIX}/dags/cdiscount_catalogue/",
    f"{WINE}/report.html",
    f"{PREFIX}/files/comparison/wine-mixed_bag/comparison.html",
    f"{PREFIX}/files/catalogue/0123abcd/catalogue.html",
]


def begin_training(data_dir, database, state="running"):
    """Write what a run of wine has on disk in the eighth epoch of its training; returns the training's folder."""
    samples_dir = data_dir / "samples" / "wine"
    training_dir, run_dir = samples_dir / "model-0123456789abcdef.training", samples_dir / "runs" / run_folder(RUNNING)
    run_dir.mkdir(parents=True)
    write_progress(training_dir, PROGRESS_OF_EPOCH_8)
    note_training(run_dir, training_dir)
    database.add_run("cdiscount_wine", RUNNING, "running")
    database.add_task("cdiscount_wine", RUNNING, "train_model", state, task_display_name="Train the model")
    return training_dir


@pytest.fixture
def training_dir(reports_dir, database, tmp_path, monkeypatch):
    """Return the folder of a training in its eighth epoch."""
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(tmp_path / "train.bson"))
    return begin_training(tmp_path / "data", database)


def write_page(out_dir, stage, name, facts, **files):
    """Write a page of the catalogue or a comparison as its stage leaves it."""

    def write(part_dir):
        (part_dir / name).write_text(
            '<div class="page"> <a href="../../index.html">All reports</a></div>', encoding="utf-8"
        )
        for other, text in files.items():
            (part_dir / other.replace("_dot_", ".")).write_text(text, encoding="utf-8")
        return facts

    out_dir.parent.mkdir(parents=True, exist_ok=True)
    config = {"at": out_dir.name, **({"samples": facts["samples"]} if "samples" in facts else {})}
    return rebuild_artifact(out_dir, Recipe(stage, 1, config, {}, {}, {}), lambda part_dir: Made(write(part_dir)))


@pytest.fixture(scope="session")
def made_reports(tmp_path_factory):
    """Return a folder with a report of two samples, a comparison of them and a catalogue's page."""
    folder = tmp_path_factory.mktemp("made") / "reports"
    write_finished(folder, run_folder(FINISHED), "wine", run_id=FINISHED)
    write_finished(folder, run_folder(OTHER), "mixed_bag", title="Mixed bag", run_id=OTHER, right=(True, True, True))
    write_page(
        folder / "comparison" / "wine-mixed_bag",
        "comparison",
        "comparison.html",
        {"title": "Wine and Mixed bag", "origin": "file", "answer": "Wine is harder by 8 points."},
    )
    write_page(
        folder / "catalogue" / "0123abcd",
        "catalogue_page",
        "catalogue.html",
        {"num_products": 3, "num_images": 5, "num_categories": 2, "origin": "file", "catalogue_id": "0123abcd"},
        categories_dot_csv="category_id\n1\n",
    )
    (folder / "index.html").write_text(f"<p>every sample: {SECRET}</p>", encoding="utf-8")
    return folder


@pytest.fixture
def reports_dir(made_reports, tmp_path, monkeypatch):
    """Return a reports folder of the test's own, with a file beside it that nobody may see."""
    folder = tmp_path / "reports"
    shutil.copytree(made_reports, folder)
    monkeypatch.setenv("CDISCOUNT_REPORTS", str(folder))
    (tmp_path / "secret.txt").write_text(SECRET, encoding="utf-8")
    return folder


@pytest.fixture
def model_dir(reports_dir, tmp_path, monkeypatch):
    """Return the model that the report of wine is about, where its run left it."""
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(tmp_path / "train.bson"))
    for model in (f"model-{run_folder(FINISHED)}", "model-a"):
        out_dir = tmp_path / "data" / "samples" / "wine" / model
        write_page(out_dir, "model", "history.parquet", {}, model_dot_keras="a network")
    return out_dir


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """Return the file of an empty database of Airflow's."""
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from sqlalchemy import create_engine

    import_all_models()
    path = tmp_path_factory.mktemp("database") / "airflow.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def database(empty_database, tmp_path, monkeypatch):
    """Give Airflow a database of the test's own; returns what adds runs and tasks to it."""
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import create_engine
    from sqlalchemy.orm import scoped_session, sessionmaker

    shutil.copyfile(empty_database, tmp_path / "airflow.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    monkeypatch.setattr(settings, "Session", scoped_session(sessionmaker(engine, expire_on_commit=False)))
    at = datetime(2026, 11, 25, 14, 2, tzinfo=UTC)

    def add(model, row):
        with engine.begin() as connection:
            connection.execute(model.__table__.insert().values(**row))

    def add_run(dag_id, run_id, state, **columns):
        row = {"run_type": "manual", "run_after": at, "queued_at": at, "start_date": at, "span_status": "not_started"}
        add(DagRun, {**row, "dag_id": dag_id, "run_id": run_id, "state": state, **columns})

    def add_task(dag_id, run_id, task_id, state, **columns):
        row = {"id": uuid.uuid4(), "map_index": -1, "try_number": 1, "pool": "default_pool", "start_date": at}
        row |= {"span_status": "not_started", "dag_id": dag_id, "run_id": run_id, "task_id": task_id, "state": state}
        add(TaskInstance, {**row, **columns})

    yield SimpleNamespace(add=add, add_run=add_run, add_task=add_task)
    settings.Session.remove()
    engine.dispose()


@pytest.fixture
def auth_manager(monkeypatch, tmp_path):
    """Put an auth manager in force; returns what does so, the real SimpleAuthManager unless told."""
    from airflow.api_fastapi import app as api_app
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    monkeypatch.setenv(
        "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of sixty-four characters, that no one else has at hand."
    )
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(tmp_path / "passwords.json"))
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ada:admin,vera:viewer")
    SimpleAuthManager._get_token_signer.cache_clear()
    SimpleAuthManager._get_token_validator.cache_clear()

    def use(manager_class=SimpleAuthManager):
        manager = manager_class()
        manager.init()
        monkeypatch.setattr(api_app._AuthManagerState, "instance", manager)
        return manager

    return use


@pytest.fixture
def root_app(reports_dir, database, auth_manager):
    """Return an app that mounts the plugin's as Airflow's API server does."""
    from evaluation_reports import APPS

    auth_manager()
    root = FastAPI()
    for one in APPS:
        root.mount(one["url_prefix"], one["app"])
    return root


@pytest.fixture
def no_mixed_bag(root_app, auth_manager):
    """Put an auth manager in force that lets viewers read every DAG but one."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class RefusesOneDag(SimpleAuthManager):
        def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
            if details and details.id == "cdiscount_mixed_bag" and user.role == "viewer":
                return False
            return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)

    auth_manager(RefusesOneDag)


@pytest.fixture
def token_of(auth_manager):
    """Return the token of a user with a role."""

    def make(role, manager=None):
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=f"a {role}", role=role))

    return make


@pytest.fixture
def client(root_app, token_of):
    """Return a browser's session of someone with a role, `viewer` unless told; None: not signed in."""

    def sign_in(role="viewer", app=root_app, token=None):
        session = TestClient(app, follow_redirects=False)
        if role or token:
            session.cookies.set("_token", token or token_of(role))
        return session

    return sign_in
