"""A machine with a champion, and an empty one beside it."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from cdiscount_tasks.runs import promotion, replay
from cdiscount_tasks.stages.replay import Replayed
from tests.material.data_roots import DataRoot
from tests.material.registry_models import judged_as
from tools.airflow.home import CONNECTION

SETTINGS = {"DATA": "data", "REPORTS": "reports", "CATALOGUE": "catalogue.bson", "LABEL_FIXES": "fixes"}


def use(root, monkeypatch):
    """Let the tools work with the folders below a path, and with nothing else that the shell has set."""
    for name, path in SETTINGS.items():
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(root / path))
    monkeypatch.setenv("AIRFLOW_HOME", str(root / "home"))
    for name in (CONNECTION, "TO", "FROM", "DATABASE"):
        monkeypatch.delenv(name, raising=False)
    (root / "fixes").mkdir(parents=True, exist_ok=True)
    (root / "fixes" / ".gitkeep").touch()


def write_database(path, rows=3):
    """Write a database of SQLite with some rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE dag_run (id INTEGER)")
        database.executemany("INSERT INTO dag_run VALUES (?)", [(number,) for number in range(rows)])


def read_database(path):
    with closing(sqlite3.connect(path)) as database:
        return [number for (number,) in database.execute("SELECT id FROM dag_run ORDER BY id")]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a machine with two finished runs, of which the older is the champion, and an artifact nobody needs."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    here, to = tmp_path / "here", tmp_path / "to"
    here.mkdir()
    to.mkdir()
    use(here, monkeypatch)
    root = DataRoot(here)
    one, two = root.run("one", 60), root.run("two", 30)
    candidate = root.candidate("one", one)
    promotion.promote(candidate, judged_as("first"), expected=None, who="rule", environment=root.environment)
    (here / "fixes" / "wine.csv").write_text("product_id,category_id,reason\n1,1000000011,a bottle\n")
    write_database(here / "home" / "airflow.db")
    monkeypatch.setenv("TO", str(to))
    return SimpleNamespace(root=root, one=one, two=two, path=here, to=to, environment=root.environment)


@pytest.fixture
def move(tmp_path, monkeypatch):
    """Return what lets the tools work on an empty machine."""

    def move(name="there"):
        use(tmp_path / name, monkeypatch)
        return tmp_path / name

    return move
