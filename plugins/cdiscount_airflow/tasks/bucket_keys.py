"""The keys of a bucket, from the Airflow connection that CDISCOUNT_STORE_CONN_ID names.

They become the variables that the bucket's client reads, in the process of the running task and those that it starts:
they are in no log, XCom or config.
"""

import json
import os
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from cdiscount_tasks.errors import ConfigError

_SETTING = "CDISCOUNT_STORE_CONN_ID"
_OF_ANOTHER = ("role_arn", "profile_name", "assume_role_method", "session_kwargs")
"""What an Amazon connection may say of whose right is used, which the bucket's client does not know."""


def _of_amazon(connection: Any, extra: dict[str, Any]) -> dict[str, Any]:
    if asked := [name for name in _OF_ANOTHER if extra.get(name)]:
        raise ConfigError(
            f"Airflow's connection {connection.conn_id} has {asked[0]} in its extra, which is not used here: give it "
            "keys (login and password), or unset the variable and let the machine's own role be used"
        )
    service = (extra.get("service_config") or {}).get("s3") or {}
    return {
        "AWS_ACCESS_KEY_ID": connection.login,
        "AWS_SECRET_ACCESS_KEY": connection.password,
        "AWS_SESSION_TOKEN": extra.get("aws_session_token"),
        "AWS_REGION": extra.get("region_name"),
        "AWS_ENDPOINT_URL": service.get("endpoint_url") or extra.get("endpoint_url"),
    }


def _of_google(_connection: Any, extra: dict[str, Any]) -> dict[str, Any]:
    def found(name: str) -> Any:
        return extra.get(name) or extra.get(f"extra__google_cloud_platform__{name}")

    keys = found("keyfile_dict")
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": found("key_path"),
        "GOOGLE_SERVICE_ACCOUNT_KEY": keys if isinstance(keys, str) or keys is None else json.dumps(keys),
    }


def _of_azure(connection: Any, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "AZURE_STORAGE_ACCOUNT_NAME": connection.login,
        "AZURE_STORAGE_ACCOUNT_KEY": connection.password,
        "AZURE_STORAGE_SAS_KEY": extra.get("sas_token"),
    }


_KINDS = {
    "aws": _of_amazon,
    "s3": _of_amazon,
    "google_cloud_platform": _of_google,
    "wasb": _of_azure,
    "adls": _of_azure,
}


def variables_of(connection: Any) -> dict[str, str]:
    """Return the variables that an Airflow connection stands for; what it leaves empty is left as it is.

    Raises:
        ConfigError: If it is of another kind, or says what the bucket's client does not know.
    """
    kind = _KINDS.get(connection.conn_type)
    if kind is None:
        raise ConfigError(
            f"Airflow's connection {connection.conn_id}, which {_SETTING} names, is of the type "
            f"{connection.conn_type!r}, expected one of {', '.join(_KINDS)}"
        )
    found = kind(connection, connection.extra_dejson)
    return {name: str(value) for name, value in found.items() if value}


def use_connection() -> None:
    """Let the running task reach its bucket with the keys of the connection, if one is named.

    Raises:
        ConfigError: If there is no such connection, or it cannot be used.
    """
    name = os.environ.get(_SETTING)
    if not name:
        return
    try:
        connection = Connection.get(name)
    except (AirflowNotFoundException, AirflowRuntimeError) as error:
        raise ConfigError(
            f"Airflow has no connection {name}, which {_SETTING} names: add it (Admin, Connections), or unset the "
            "variable"
        ) from error
    os.environ.update(variables_of(connection))
