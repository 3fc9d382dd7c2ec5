import errno
import json
import sqlite3
import stat
from importlib import metadata

import pytest

from cdiscount_tasks.settings.places import mirror_of
from tools.airflow import home as airflow_home


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_password_is_made_once_and_is_private(tmp_path):
    first = airflow_home.password(tmp_path)

    assert airflow_home.password(tmp_path) == first
    assert len(first) >= 16
    assert mode_of(airflow_home.passwords_path(tmp_path)) == 0o600


def test_keys_are_made_once_and_are_private(tmp_path):
    first = airflow_home.airflow_environ(tmp_path, environ={})

    assert airflow_home.airflow_environ(tmp_path, environ={}) == first
    assert mode_of(tmp_path / "secrets.json") == 0o600
    assert len(set(json.loads((tmp_path / "secrets.json").read_text()).values())) == 3


def test_servers_listen_on_the_loopback_interface_alone(tmp_path):
    environ = airflow_home.airflow_environ(tmp_path, 8123, {"AIRFLOW__API__HOST": "0.0.0.0"})

    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"


def test_what_the_user_has_set_wins(tmp_path):
    environ = airflow_home.airflow_environ(tmp_path, environ={"AIRFLOW__CORE__PARALLELISM": "99"})

    assert environ["AIRFLOW__CORE__PARALLELISM"] == "99"


@pytest.mark.parametrize(("chosen", "passed"), [("jax", "jax"), ("", "tensorflow"), (None, "tensorflow")])
def test_keras_backend_is_the_users_or_tensorflow(tmp_path, chosen, passed):
    environ = {} if chosen is None else {"KERAS_BACKEND": chosen}
    assert airflow_home.airflow_environ(tmp_path, environ=environ)["KERAS_BACKEND"] == passed


def test_the_home_is_in_the_project_unless_it_is_set(tmp_path):
    assert airflow_home.home_dir({}) == airflow_home.PROJECT_DIR / ".airflow"
    assert airflow_home.home_dir({"AIRFLOW_HOME": str(tmp_path)}) == tmp_path


def test_a_lock_that_is_held_refuses_the_second_holder(tmp_path):
    path = tmp_path / "server.lock"
    with airflow_home.held_lock(path):
        assert airflow_home.is_locked(path)
        with (
            pytest.raises(airflow_home.ToolError, match="another one"),
            airflow_home.held_lock(path, refusal="another one"),
        ):
            pass

    assert not airflow_home.is_locked(path)


def test_another_projects_folders_do_not_reach_this_airflow(tmp_path):
    foreign = {"AIRFLOW__CORE__DAGS_FOLDER": "/other/dags", "AIRFLOW__CORE__PLUGINS_FOLDER": "/other/plugins"}
    foreign |= {"AIRFLOW_CONFIG": "/other.cfg", "AIRFLOW__CORE__LOAD_EXAMPLES": "True"}

    environ = airflow_home.airflow_environ(tmp_path, environ=foreign)

    assert environ == airflow_home.airflow_environ(tmp_path, environ={})
    assert environ["AIRFLOW__CORE__DAGS_FOLDER"] == str(airflow_home.PROJECT_DIR / "dags")
    assert environ["AIRFLOW_CONFIG"] == str(tmp_path / "empty.cfg")


def test_a_home_may_have_any_sign_in_its_name(tmp_path):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    for name in ("a b", "a%41b", "a?b=c", "a#b", "é'\"", "a%b"):
        home = tmp_path / name
        home.mkdir()
        engine = sqlalchemy.create_engine(airflow_home.sqlite_address(home / "airflow.db"))
        engine.connect().close()
        assert (home / "airflow.db").exists(), name


def test_a_home_whose_name_airflow_would_change_is_refused(monkeypatch):
    monkeypatch.setenv("HOME", "/root")

    with pytest.raises(airflow_home.ToolError, match=r"begins with \$ .* set AIRFLOW_HOME"):
        airflow_home.home_dir({"AIRFLOW_HOME": "/tmp/$HOME/x"})


def test_a_home_of_an_unknown_user_is_refused():
    with pytest.raises(airflow_home.ToolError, match="write the whole path"):
        airflow_home.home_dir({"AIRFLOW_HOME": "~no-such-user/x"})


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(airflow_home.fcntl, "flock", flock)

    with pytest.raises(airflow_home.ToolError, match=r"has no file locks .* set AIRFLOW_HOME"):
        airflow_home.held_lock(tmp_path / "lock").__enter__()


def test_a_folder_that_cannot_be_written_is_told_with_its_variable(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(airflow_home.ToolError, match=r"file/home: nothing can be written there .* set AIRFLOW_HOME"):
        airflow_home.check_writable(tmp_path / "file" / "home", "AIRFLOW_HOME")


@pytest.mark.parametrize("kind", ["link to nothing", "link that leads back to itself", "too long"])
def test_a_place_that_cannot_be_a_folder_is_no_matter_of_rights(tmp_path, kind):
    place = tmp_path / ("n" * 300 if kind == "too long" else "place")
    if kind != "too long":
        place.symlink_to(place if "back" in kind else tmp_path / "nothing")

    with pytest.raises(airflow_home.ToolError, match=rf"{kind}\); set CDISCOUNT_DATA to a folder") as caught:
        airflow_home.check_writable(place, "CDISCOUNT_DATA")
    assert "rights" not in str(caught.value)


def test_of_a_mirror_the_cache_is_to_be_set(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(airflow_home.ToolError, match="set CDISCOUNT_CACHE to a folder that can be written"):
        airflow_home.check_writable(mirror_of(tmp_path / "file", "s3://bucket/data"), "CDISCOUNT_DATA")


def made_database(path, *dag_ids):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE dag (dag_id TEXT)")
        database.executemany("INSERT INTO dag VALUES (?)", [(dag_id,) for dag_id in dag_ids])
    database.close()


def test_another_projects_database_is_not_migrated(tmp_path):
    made_database(tmp_path / "airflow.db", "billing", "cdiscount_wine")
    before = (tmp_path / "airflow.db").read_bytes()

    with pytest.raises(
        airflow_home.ToolError, match=r"belongs to another Airflow project .* billing.*unset AIRFLOW_HOME"
    ):
        airflow_home.migrate(tmp_path, airflow_home.airflow_environ(tmp_path, environ={}))

    assert (tmp_path / "airflow.db").read_bytes() == before


@pytest.mark.parametrize(("scheme", "driver"), [("postgresql", "psycopg"), ("postgresql+psycopg2", "psycopg2")])
def test_a_database_whose_driver_is_not_installed_is_told_how_to_get_it(tmp_path, scheme, driver):
    environ = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"{scheme}://airflow:secret@127.0.0.1:1/airflow"}

    with pytest.raises(airflow_home.ToolError, match=rf"driver {driver} is not .*psycopg2://.*`make fleet`") as caught:
        airflow_home.migrate(tmp_path, airflow_home.airflow_environ(tmp_path, environ=environ))

    assert "secret" not in str(caught.value)


def test_a_database_that_was_migrated_before_is_asked_for_at_every_start(tmp_path):
    environ = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow:secret@127.0.0.1:1/airflow"}
    environ = airflow_home.airflow_environ(tmp_path, environ=environ)
    wanted = f"{metadata.version('apache-airflow')} {environ['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}"
    (tmp_path / "migrated").write_text(wanted, encoding="utf-8")

    with pytest.raises(airflow_home.ToolError, match="its driver psycopg2 is not installed"):
        airflow_home.migrate(tmp_path, environ)


def test_a_database_that_cannot_be_reached_is_told_without_its_password(tmp_path):
    address = f"sqlite:///{tmp_path}/nowhere/x.db"
    environ = airflow_home.airflow_environ(tmp_path, environ={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address})

    with pytest.raises(airflow_home.ToolError, match="SQL_ALCHEMY_CONN names a database that cannot be used"):
        airflow_home.migrate(tmp_path, environ)


def test_the_home_page_says_where_to_begin_unless_the_home_has_settings_of_its_own(tmp_path):
    first = airflow_home.airflow_environ(tmp_path, environ={})
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "airflow_local_settings.py").write_text("")
    second = airflow_home.airflow_environ(tmp_path, environ={})

    assert first["AIRFLOW__API__INSTANCE_NAME"] == "Cdiscount classifiers"
    assert first["PYTHONPATH"].endswith("home_page")
    assert "home_page" not in second["PYTHONPATH"]
