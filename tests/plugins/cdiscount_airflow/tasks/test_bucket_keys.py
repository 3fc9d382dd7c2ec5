import json
import os
from types import SimpleNamespace

import pytest
from cdiscount_airflow.tasks.bucket_keys import use_connection, variables_of
from cdiscount_airflow.tasks.stage_task import guard

from cdiscount_tasks.errors import ConfigError


def connection(conn_type, login=None, password=None, **extra):
    return SimpleNamespace(conn_id="bucket", conn_type=conn_type, login=login, password=password, extra_dejson=extra)


def test_an_amazon_connection_becomes_the_clients_variables():
    found = variables_of(connection(
        "aws", "key", "hidden", region_name="eu-west-3", aws_session_token="token",
        service_config={"s3": {"endpoint_url": "https://store.example.org"}},
    ))  # fmt: skip
    assert found == {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "eu-west-3",
        "AWS_ENDPOINT_URL": "https://store.example.org",
    }


def test_what_a_connection_leaves_empty_is_left_as_it_is():
    assert variables_of(connection("aws", region_name="eu-west-3")) == {"AWS_REGION": "eu-west-3"}


def test_google_and_azure_connections_become_theirs():
    keys = {"client_email": "a@b"}
    google = variables_of(connection("google_cloud_platform", keyfile_dict=keys))
    assert google == {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(keys)}
    path = variables_of(connection("google_cloud_platform", extra__google_cloud_platform__key_path="/keys.json"))
    assert path == {"GOOGLE_APPLICATION_CREDENTIALS": "/keys.json"}
    azure = variables_of(connection("wasb", "account", "hidden"))
    assert azure == {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "hidden"}


def test_a_connection_of_another_kind_is_refused():
    with pytest.raises(
        ConfigError, match="connection bucket, which CDISCOUNT_STORE_CONN_ID names, is of the type 'http'"
    ):
        variables_of(connection("http"))


def test_a_role_that_would_be_ignored_is_refused():
    with pytest.raises(ConfigError, match="connection bucket has role_arn in its extra, which is not used here"):
        variables_of(connection("aws", role_arn="arn:aws:iam::1:role/a"))


@pytest.fixture
def named(monkeypatch):
    """Name a connection in the environment, as Airflow reads it there; the variables are put back afterwards."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "before")
    extra = {"region_name": "eu-west-3"}
    text = json.dumps({"conn_type": "aws", "login": "key-of-it", "password": "hidden-word", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_BUCKET", text)
    monkeypatch.setenv("AWS_REGION", "before")
    monkeypatch.setenv("CDISCOUNT_STORE_CONN_ID", "bucket")


@pytest.mark.airflow
def test_a_task_has_the_keys_of_the_connection_and_says_none_of_them(named, caplog):
    body = guard(lambda: os.environ["AWS_SECRET_ACCESS_KEY"], "", None)
    assert body() == "hidden-word"
    assert os.environ["AWS_REGION"] == "eu-west-3"
    assert "hidden-word" not in caplog.text


@pytest.mark.airflow
def test_a_connection_that_is_missing_is_told(monkeypatch):
    monkeypatch.setenv("CDISCOUNT_STORE_CONN_ID", "none_here")
    with pytest.raises(ConfigError, match="Airflow has no connection none_here, which CDISCOUNT_STORE_CONN_ID names"):
        use_connection()


def test_without_the_setting_nothing_is_asked(monkeypatch):
    monkeypatch.delenv("CDISCOUNT_STORE_CONN_ID", raising=False)
    before = dict(os.environ)
    use_connection()
    assert dict(os.environ) == before
