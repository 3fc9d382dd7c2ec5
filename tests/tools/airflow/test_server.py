import os
import socket
import subprocess
import sys

import psutil
import pytest

from tools.airflow import processes, server
from tools.airflow.api import AirflowApi, ApiError
from tools.airflow.home import ToolError, held_lock, password


@pytest.fixture
def sleeper():
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield started
    started.kill()
    started.wait()


def note_of(started, **changes):
    facts = {
        "owner": "up",
        "pid": os.getpid(),
        "port": 1,
        "sessions": {started.pid: psutil.Process(started.pid).create_time()},
        "boot_time": psutil.boot_time(),
        "settings": {},
    }
    return server.ServerNote(**facts | changes)


def test_what_a_killed_airflow_left_is_ended(tmp_path, sleeper):
    note_of(sleeper).write(tmp_path)

    assert server.end_left_over(tmp_path) == 1
    assert sleeper.wait(5) != 0
    assert server.read_note(tmp_path) is None


def test_ids_from_before_the_machine_started_are_left_alone(tmp_path, sleeper):
    note_of(sleeper, boot_time=psutil.boot_time() - 10_000).write(tmp_path)

    assert server.end_left_over(tmp_path) == 0
    assert sleeper.poll() is None


def test_a_note_without_a_lock_is_no_running_airflow(tmp_path, sleeper):
    note_of(sleeper).write(tmp_path)
    assert server.running_note(tmp_path) is None

    with held_lock(server.lock_path(tmp_path)):
        assert server.running_note(tmp_path) == note_of(sleeper)


def test_a_second_airflow_in_a_home_is_refused(tmp_path):
    with (
        held_lock(server.lock_path(tmp_path)),
        pytest.raises(ToolError, match="`make down` stops it"),
        server.started_airflow(tmp_path, 1, "demo"),
    ):
        pass


def test_a_component_that_ended_is_told_with_its_last_words(tmp_path):
    log = tmp_path / "logs" / "server" / "scheduler.log"
    log.parent.mkdir(parents=True)
    log.write_text("the database is gone\n")
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    ended.wait()

    with pytest.raises(ToolError, match=r"scheduler ended by itself \(3\)[\s\S]*the database is gone"):
        server.check_alive(tmp_path, {"scheduler": ended})


def test_ready_means_that_each_dag_file_was_read_since_the_start():
    def dag(file, parsed="2026-01-02"):
        return {"relative_fileloc": file, "last_parsed_time": parsed}

    files = sorted(path.name for path in (server.PROJECT_DIR / "dags").glob("*.py"))
    dags = {file: dag(file) for file in files}
    assert server.unread_files(dags, since="2026-01-01") == set()
    # Read on an earlier day; never read; not told of yet.
    dags |= {files[0]: dag(files[0], "2025-12-31"), files[1]: dag(files[1], None)}
    del dags[files[2]]
    assert server.unread_files(dags, since="2026-01-01") == set(files[:3])


def make(target, home, port, root, **settings):
    """Call what `make up` and `make down` call, on a home and data of the test's own."""
    mine = {"AIRFLOW_HOME": home, "CDISCOUNT_UI_PORT": port, "CDISCOUNT_DATA": root, "CDISCOUNT_REPORTS": root}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CDISCOUNT_"))}
    environ = {**kept, **{name: str(value) for name, value in mine.items()}, **settings}
    # The demo catalogue is not what is tried here: a file that stands in its place is not drawn.
    (root / "demo").mkdir(exist_ok=True)
    (root / "demo" / "catalogue.bson").touch()
    command = [sys.executable, "-m", f"tools.airflow.{target}"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.airflow
def test_up_runs_a_private_airflow_and_down_leaves_nothing(tmp_path, give_database):
    home, port = tmp_path / "airflow", processes.free_port()
    give_database(home)
    try:
        # As behind a company's proxy, which nothing on this machine may be asked through.
        proxies = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
        told = make("up", home, port, tmp_path, **proxies)
        assert told.returncode == 0, told.stderr
        assert f"http://127.0.0.1:{port}" in told.stdout
        assert password(home) in told.stdout

        note = server.running_note(home)
        api = AirflowApi(port, password(home))
        assert {"cdiscount_wine", "cdiscount_mixed_bag"} <= api.dags().keys()
        assert all(dag["is_paused"] for dag in api.dags().values())
        assert api.import_errors() == []
        assert api.call("GET", "/dagWarnings")["dag_warnings"] == []
        assert api.call("GET", "/pools/gpu")["slots"] == 1
        with pytest.raises(ApiError, match="0 is less than the minimum of 1"):
            api.trigger("cdiscount_wine", "refused", {"epochs": 0}, "")
        heard = {place.laddr.ip for pid in processes.living(note.sessions) for place in listening(pid)}
        assert heard == {"127.0.0.1"}
        again = make("up", home, port, tmp_path, **proxies)
        assert again.returncode == 0, again.stderr
        assert "runs already" in again.stdout
        assert f"http://127.0.0.1:{port}" in again.stdout
        assert password(home) in again.stdout
        other = make("up", home, port, tmp_path, CDISCOUNT_WEIGHTS="/elsewhere")
        assert other.returncode == 1
        assert "CDISCOUNT_WEIGHTS unset (now /elsewhere)" in other.stderr
        assert "To apply the present settings: `make down up`" in other.stderr
    finally:
        stopped = make("down", home, port, tmp_path)
    assert stopped.stdout == f"Airflow is stopped; port {port} is free\n"
    assert processes.living(note.sessions) == []
    assert make("down", home, port, tmp_path).stdout == "no Airflow runs\n"


def listening(pid):
    """Return the places where a process listens."""
    try:
        return [each for each in psutil.Process(pid).net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    except psutil.NoSuchProcess:
        return []


@pytest.mark.airflow
def test_up_names_the_variable_when_its_port_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = make("up", tmp_path / "airflow", other.getsockname()[1], tmp_path)

    assert told.returncode == 1
    assert "set CDISCOUNT_UI_PORT to a free port" in told.stderr


def test_other_settings_than_a_running_airflow_has_are_named_with_both_values(sleeper, monkeypatch):
    monkeypatch.setattr(os, "environ", {"CDISCOUNT_WEIGHTS": "/new", "CDISCOUNT_UI_PORT": "2", "CDISCOUNT_DATA": "/d"})
    note = note_of(sleeper, settings={"CDISCOUNT_DATA": "/d", "CDISCOUNT_GPU_SLOTS": "2"})

    assert server.differing_settings(note) == [
        "CDISCOUNT_GPU_SLOTS 2 (now unset)",
        "CDISCOUNT_WEIGHTS unset (now /new)",
        "port 1 (now 2)",
    ]


def test_a_setting_of_airflows_that_changed_is_named_without_its_value(sleeper, monkeypatch):
    names = [f"AIRFLOW__SCHEDULER__{name}" for name in ("A", "B", "C")]
    before = server.settings_of({names[0]: "1", names[1]: "1"})
    monkeypatch.setattr(os, "environ", {names[0]: "2", names[2]: "2"})

    assert server.differing_settings(note_of(sleeper, settings=before)) == [
        "AIRFLOW__SCHEDULER__A (now a different value)",
        "AIRFLOW__SCHEDULER__B set (now unset)",
        "AIRFLOW__SCHEDULER__C unset (now set)",
    ]


def test_a_password_in_airflows_settings_is_not_written_down():
    address = "postgresql://me:secret@db/airflow"
    settings = server.settings_of({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address, "AIRFLOW__CORE__DAGS_FOLDER": "/x"})

    assert list(settings) == ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert "secret" not in settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
