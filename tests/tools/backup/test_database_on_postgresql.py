"""The dump of a real PostgreSQL, and back into an empty database of it."""

import pytest

from tests.material.postgresql_server import postgresql_server
from tools.airflow.home import CONNECTION, ToolError
from tools.backup import database

pytestmark = pytest.mark.beside


@pytest.fixture(scope="module")
def address_of():
    with postgresql_server() as address_of:
        yield address_of


@pytest.fixture
def at(address_of, monkeypatch):
    """Return what gives a database of the server by its name, as Airflow's setting names it."""

    def at(name):
        monkeypatch.setenv(CONNECTION, address_of(name))
        return database.the_database()

    return at


def ask(found, query):
    return database._call(found, "psql", "--no-psqlrc", "-At", "-d", found.address, "-c", query).strip()


def test_a_dump_of_postgresql_comes_back_in_an_empty_database_and_in_no_other(at, tmp_path):
    here = at("here")
    assert not database.exists(here)
    ask(here, "CREATE TABLE dag_run (id SERIAL PRIMARY KEY, state TEXT)")
    ask(here, "INSERT INTO dag_run (state) SELECT 'success' FROM generate_series(1, 1000)")
    database.dump(here, tmp_path / "dump")
    there = at("there")
    assert (database.exists(here), database.exists(there)) == (True, False)
    database.load(there, tmp_path / "dump")
    assert database.exists(there)
    assert ask(there, "SELECT count(*), max(id) FROM dag_run") == "1000|1000"
    assert ask(there, "INSERT INTO dag_run (state) VALUES ('new') RETURNING id").splitlines()[0] == "1001"
    with pytest.raises(ToolError, match=r"pg_restore of postgresql://ann@127\.0\.0\.1:.* failed: .* already exists"):
        database.load(there, tmp_path / "dump")


def test_a_dump_that_is_cut_short_leaves_the_database_empty(at, tmp_path):
    here = at("here")
    ask(here, "CREATE TABLE IF NOT EXISTS big AS SELECT md5(i::text) AS word FROM generate_series(1, 20000) AS i")
    database.dump(here, tmp_path / "dump")
    content = (tmp_path / "dump").read_bytes()
    (tmp_path / "dump").write_bytes(content[: len(content) * 2 // 3])
    there = at("there")
    ask(there, "DROP SCHEMA public CASCADE")
    ask(there, "CREATE SCHEMA public")
    with pytest.raises(ToolError, match="pg_restore of"):
        database.load(there, tmp_path / "dump")
    assert not database.exists(there)
