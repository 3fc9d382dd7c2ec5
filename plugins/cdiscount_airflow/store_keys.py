"""The keys of a bucket from an Airflow connection: as the variables that the bucket's library reads, in this process.

`CDISCOUNT_STORE_CONN_ID` names the connection. Its secrets are in the process that needs them and in those that it
starts: no log, no XCom and no file has them. Airflow itself masks a connection's secrets in what a task logs.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.errors import ConfigError

SETTING = "CDISCOUNT_STORE_CONN_ID"


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value or "")


def _of_s3(connection: Any, extra: Mapping[str, Any]) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": connection.login or _text(extra.get("aws_access_key_id")),
        "AWS_SECRET_ACCESS_KEY": connection.password or _text(extra.get("aws_secret_access_key")),
        "AWS_SESSION_TOKEN": _text(extra.get("aws_session_token")),
        "AWS_REGION": _text(extra.get("region_name")),
        "AWS_ENDPOINT_URL": _text(extra.get("endpoint_url")),
    }


def _of_google(_connection: Any, extra: Mapping[str, Any]) -> dict[str, str]:
    return {
        "GOOGLE_SERVICE_ACCOUNT_KEY": _text(extra.get("keyfile_dict")),
        "GOOGLE_SERVICE_ACCOUNT": _text(extra.get("key_path")),
    }


def _of_azure(connection: Any, extra: Mapping[str, Any]) -> dict[str, str]:
    return {
        "AZURE_STORAGE_ACCOUNT_NAME": connection.login or "",
        "AZURE_STORAGE_ACCOUNT_KEY": connection.password or "",
        "AZURE_STORAGE_SAS_TOKEN": _text(extra.get("sas_token")),
    }


_READERS: dict[str, Callable[[Any, Mapping[str, Any]], dict[str, str]]] = {
    "aws": _of_s3,
    "google_cloud_platform": _of_google,
    "wasb": _of_azure,
}

_NOT_READ = (
    "role_arn", "assume_role_kwargs", "assume_role_method", "profile_name", "service_config", "impersonation_chain",
    "managed_identity_client_id", "tenant_id", "client_secret_auth_config", "key_secret_name",
)  # fmt: skip
"""Other ways of Airflow's own providers to come by keys. Ignored without a word, the bucket would say "no right"."""


def _connection(name: str) -> Any:
    try:
        return BaseHook.get_connection(name)
    except Exception as error:
        # Which of its own errors Airflow raises depends on where it is asked: a task, the API server, a terminal.
        if not isinstance(error, AirflowException) and type(error).__module__.split(".")[0] != "airflow":
            raise
        raise ConfigError(
            f"environment variable {SETTING} is {name!r}, but Airflow has no such connection; create it, or unset the "
            "variable"
        ) from None  # what an outer error says may name the backend that was asked, with its address


def variables_of(connection: Any) -> dict[str, str]:
    """Return the variables that a connection stands for; what it does not say is left out.

    Raises:
        ConfigError: If it is of another type, or wants keys to be had in a way that is not known here.
    """
    reader = _READERS.get(connection.conn_type)
    if reader is None:
        raise ConfigError(
            f"connection {connection.conn_id!r}, which {SETTING} names, is of the type {connection.conn_type!r}, "
            f"expected {', '.join(sorted(_READERS))}"
        )
    if unread := [field for field in _NOT_READ if connection.extra_dejson.get(field)]:
        raise ConfigError(
            f"connection {connection.conn_id!r}, which {SETTING} names, has {' and '.join(unread)}, which is not read "
            f"here; put keys into the connection, or unset {SETTING} where the machine's own role may use the bucket"
        )
    return {name: value for name, value in reader(connection, connection.extra_dejson).items() if value}


def use_store_keys() -> None:
    """Let this process reach its buckets with the keys of the connection that is set; without one, nothing changes.

    Raises:
        ConfigError: If there is no such connection, or it is of no store.
    """
    if not (name := os.environ.get(SETTING, "").strip()):
        return
    wanted = variables_of(_connection(name))
    if any(os.environ.get(variable) != value for variable, value in wanted.items()):
        os.environ.update(wanted)
        open_store.cache_clear()  # a key that was changed reaches a process that lives long
