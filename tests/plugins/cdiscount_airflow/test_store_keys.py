"""The keys of a bucket come from a connection into the task's process, and from there nowhere else."""

import json
import os

import pytest
from airflow.sdk import Connection
from cdiscount_airflow import store_keys

from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.errors import ConfigError
from tests.material.colours_sample import Place
from tests.material.real_task import RUN_ID, environ_of, run_task

SECRET = "kept5ecretOfTheBucket"
DAG = f"""
from airflow.sdk import dag
from cdiscount_airflow.outside import tell_outside
from cdiscount_airflow.tasks.stage_task import stage_task

@stage_task(retries=0)
def made() -> str:
    import logging, os
    from cdiscount_tasks.errors import ConfigError
    from cdiscount_tasks.artifacts.object_store import open_store
    from tests.material.gauged_run import write_gauged_run
    run = write_gauged_run({RUN_ID!r})
    for step in ("index", "sample", "model"):
        tell_outside(step, "colours", {RUN_ID!r})
    logging.getLogger("cdiscount_tasks").warning("%r %s", open_store(os.environ["CDISCOUNT_DATA"]), run)
    open_store("s3://there-is-no-such-bucket").read("x")
    return "made"

@dag(dag_id="one", schedule=None)
def one():
    made()

one()
"""


@pytest.fixture
def no_keys(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CDISCOUNT_STORE_CONN_ID", "store")


def connect(monkeypatch, **facts):
    """Let Airflow have a connection, as an environment variable."""
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(facts))


def test_without_the_setting_nothing_is_asked(monkeypatch):
    monkeypatch.delenv("CDISCOUNT_STORE_CONN_ID", raising=False)
    monkeypatch.setattr(store_keys, "_connection", pytest.fail)
    store_keys.use_store_keys()


def test_a_connection_becomes_the_variables_of_this_process(no_keys, monkeypatch):
    extra = {"region_name": "eu-west-3", "endpoint_url": "http://127.0.0.1:9", "aws_session_token": "t"}
    connect(monkeypatch, conn_type="aws", login="me", password=SECRET, extra=extra)

    store_keys.use_store_keys()

    found = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name, value in found.items():
        monkeypatch.setenv(name, value)  # so that they go with the test
    assert found == {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "t",
        "AWS_REGION": "eu-west-3",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }


def test_a_key_that_was_changed_reaches_a_process_that_lives_long(no_keys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "before")
    before = open_store("s3://bucket-of-keys")
    connect(monkeypatch, conn_type="aws", login="me", password="before")
    store_keys.use_store_keys()
    assert open_store("s3://bucket-of-keys") is before

    connect(monkeypatch, conn_type="aws", login="me", password="after")
    store_keys.use_store_keys()

    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "after"
    assert open_store("s3://bucket-of-keys") is not before


@pytest.mark.parametrize(
    ("facts", "variables"),
    [
        (
            {"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": {"type": "service_account"}}},
            {"GOOGLE_SERVICE_ACCOUNT_KEY": '{"type": "service_account"}'},
        ),
        (
            {"conn_type": "wasb", "login": "account", "password": "key"},
            {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "key"},
        ),
    ],
)
def test_the_other_stores_have_their_variables(facts, variables):
    assert store_keys.variables_of(Connection(conn_id="store", **facts_of(facts))) == variables


def facts_of(facts):
    return {**facts, "extra": json.dumps(facts["extra"])} if "extra" in facts else facts


def test_a_connection_that_is_missing_is_a_sentence(no_keys, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_STORE", raising=False)
    with pytest.raises(ConfigError, match="CDISCOUNT_STORE_CONN_ID is 'store', but Airflow has no such connection"):
        store_keys.use_store_keys()


def test_a_connection_of_another_type_is_a_sentence_without_its_secrets(no_keys, monkeypatch):
    connect(monkeypatch, conn_type="postgres", login="me", password=SECRET)
    with pytest.raises(ConfigError, match="is of the type 'postgres', expected aws, google") as told:
        store_keys.use_store_keys()
    assert SECRET not in str(told.value)


@pytest.mark.slow
@pytest.mark.airflow
def test_the_secret_is_in_no_log_xcom_config_lineage_cache_or_object(tmp_path, tiny_path, object_server, monkeypatch):
    url = object_server.new_bucket()
    Place(tmp_path, tiny_path).use(monkeypatch)
    settings = {name: value for name, value in os.environ.items() if name.startswith("CDISCOUNT_")}
    settings |= {
        "CDISCOUNT_DATA": f"{url}/data",
        "CDISCOUNT_REPORTS": f"{url}/reports",
        "CDISCOUNT_CACHE": str(tmp_path / "cache"),
        "CDISCOUNT_STORE_CONN_ID": "store",
    }
    extra = {"region_name": "us-east-1", "endpoint_url": object_server.address}
    connection = {"conn_type": "aws", "login": "anyone", "password": SECRET, "extra": extra}
    path = tmp_path / "dags" / "one.py"
    path.parent.mkdir()
    path.write_text(DAG)
    environ = {name: value for name, value in environ_of(tmp_path, **settings).items() if not name.startswith("AWS_")}

    said = run_task(path, "one", "made", {**environ, "AIRFLOW_CONN_STORE": json.dumps(connection)})

    assert "there is no such bucket" in said  # it came to its end
    names = object_server.names(url)
    assert [name for name in names if name.endswith("config.json")]
    places = {"what the task printed and sent": said.encode()}
    places |= {name: object_server.read(f"{url}/{name}") for name in names}
    places |= {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert [name for name, data in places.items() if SECRET.encode() in data] == []


def test_a_connection_that_has_its_keys_elsewhere_is_refused_rather_than_half_read(no_keys, monkeypatch):
    connect(monkeypatch, conn_type="aws", extra={"role_arn": "arn:aws:iam::123456789012:role/reader"})
    with pytest.raises(ConfigError, match="'store', which CDISCOUNT_STORE_CONN_ID names, has role_arn, which is not"):
        store_keys.use_store_keys()
