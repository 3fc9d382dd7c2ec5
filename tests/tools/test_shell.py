import os
import resource
import subprocess
import sys

import pytest

from tools import shell
from tools.airflow.home import PROJECT_DIR


def test_a_windows_line_end_is_taken_off_what_the_project_reads():
    environ = {"CDISCOUNT_DATA": "/data\r", "SAMPLE": "wine\r\n", "AIRFLOW_HOME": "/home\r", "OTHER": "x\r"}

    shell.tidy(environ)

    assert environ == {"CDISCOUNT_DATA": "/data", "SAMPLE": "wine", "AIRFLOW_HOME": "/home", "OTHER": "x\r"}


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_CONFIG",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD",
        "AIRFLOW__LOGGING__REMOTE_LOGGING",
        "AIRFLOW__SECRETS__BACKEND",
        "_AIRFLOW__AS_LIBRARY",
    ],
)
def test_what_decides_what_airflow_is_made_of_is_another_projects(name):
    assert shell.foreign_settings({name: "x"}) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME",
        "AIRFLOW_CONN_SMTP_DEFAULT",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "CDISCOUNT_DATA",
    ],
)
def test_what_the_documents_name_is_the_users(name):
    assert shell.foreign_settings({name: "x"}) == []


@pytest.mark.parametrize(
    ("settings", "direct"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"no_proxy": ""}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "intern.example.org", "no_proxy": "a.org"}, "a.org,intern.example.org,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "127.0.0.1, b.org"}, "127.0.0.1,b.org,localhost,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_this_machine_is_never_asked_through_a_proxy(settings, direct):
    environ = shell.proxies_past_loopback({"http_proxy": "http://proxy.example.org:3128", **settings})

    assert (environ["no_proxy"], environ["NO_PROXY"]) == (direct, direct)
    assert environ["http_proxy"] == "http://proxy.example.org:3128"


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:9", "proxy.example.org:port", "http://", "://"])
def test_a_proxy_with_which_airflows_client_would_not_start_is_left_out(address):
    assert "ALL_PROXY" not in shell.proxies_past_loopback({"ALL_PROXY": address})


@pytest.mark.parametrize("address", ["http://u:p@proxy:3128", "https://proxy", "proxy.example.org:3128", "proxy"])
def test_a_usual_proxy_stays(address):
    assert shell.proxies_past_loopback({"https_proxy": address})["https_proxy"] == address


def test_the_limit_of_open_files_is_raised_where_it_is_low():
    code = (
        "from tools import shell; shell.raise_open_files(); import resource as r; print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    told = subprocess.run(
        ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    soft = int(told.stdout.split()[0])
    assert soft == (shell.OPEN_FILES if hard == resource.RLIM_INFINITY else min(shell.OPEN_FILES, hard))


def test_a_user_without_a_name_gets_one(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(shell.getpass, "getuser", nameless)

    assert shell.user_name({}) == {"LOGNAME": f"user{os.getuid()}"}
    assert shell.user_name({"USER": "anna"}) == {}
