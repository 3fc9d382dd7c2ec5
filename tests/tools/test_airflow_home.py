import json
import stat

import pytest

from tools import airflow_home


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


def test_the_home_page_says_where_to_begin_unless_the_home_has_settings_of_its_own(tmp_path):
    first = airflow_home.airflow_environ(tmp_path, environ={})
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "airflow_local_settings.py").write_text("")
    second = airflow_home.airflow_environ(tmp_path, environ={})

    assert first["AIRFLOW__API__INSTANCE_NAME"] == "Cdiscount classifiers"
    assert first["PYTHONPATH"].endswith("home_page")
    assert "home_page" not in second["PYTHONPATH"]
