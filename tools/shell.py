"""What the shell hands to the tools, put right: Windows line ends, proxies, limits, another project's Airflow."""

import getpass
import os
import resource
from collections.abc import Mapping, MutableMapping
from urllib.parse import urlsplit

OPEN_FILES = 4096
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READ_BY_US = ("CDISCOUNT_", "AIRFLOW", "_AIRFLOW", "KERAS_", "SAMPLE", "PRESET", "CONF", "DEMO_SEED", "UPGRADE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")

KEPT_SETTINGS = (
    "AIRFLOW_CONN_",
    "AIRFLOW_VAR_",
    "AIRFLOW__CORE__DEFAULT_TIMEZONE",
    "AIRFLOW__CORE__MAX_",
    "AIRFLOW__CORE__PARALLELISM",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_",
    "AIRFLOW__LOGGING__LOGGING_LEVEL",
    "AIRFLOW__METRICS__",
    "AIRFLOW__OPENLINEAGE__",
    "AIRFLOW__SCHEDULER__",
    "AIRFLOW__SMTP__",
)
"""Beginnings of the variables with which a user may set this project's Airflow. Every other one decides what Airflow is
made of (folders, bundles, executor, sign-in, log targets), which the project decides for itself."""


def tidy(environ: MutableMapping[str, str]) -> None:
    """Take the line end off each value that the project reads: a file with Windows line ends leaves one there."""
    for name, value in list(environ.items()):
        if name.startswith(_READ_BY_US) and value != value.rstrip("\r\n"):
            environ[name] = value.rstrip("\r\n")


def foreign_settings(environ: Mapping[str, str]) -> list[str]:
    """Return the names of Airflow's variables that another project may have left in the shell."""
    airflows = (name for name in environ if name.startswith(("AIRFLOW_", "_AIRFLOW_")) and name != "AIRFLOW_HOME")
    return sorted(name for name in airflows if not name.startswith(KEPT_SETTINGS) or name.endswith(("_CMD", "_SECRET")))


def without_foreign_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that `foreign_settings` names, and without Python's own settings."""
    gone = {*foreign_settings(environ), "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONSTARTUP"}
    return {name: value for name, value in environ.items() if name not in gone}


def _is_usable_proxy(address: str) -> bool:
    """Tell whether Airflow's HTTP client starts with this proxy: it refuses others even where it would not use them."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def proxies_past_loopback(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which this machine is asked directly, whatever proxy the network wants for the rest."""
    left = dict(environ)
    for name in environ:
        if name.lower() in _PROXIES and environ[name] and not _is_usable_proxy(environ[name]):
            del left[name]
    named = [host.strip() for name in ("no_proxy", "NO_PROXY") for host in environ.get(name, "").split(",")]
    direct = "*" if "*" in named else ",".join(dict.fromkeys([*filter(None, named), *_LOOPBACK]))
    return {**left, "no_proxy": direct, "NO_PROXY": direct}


def user_name(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a name for a user who has none, as in a container that runs with any number: Airflow asks for it."""
    if any(environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        return {}
    try:
        getpass.getuser()
    except (KeyError, OSError):
        return {"LOGNAME": f"user{os.getuid()}"}
    return {}


def raise_open_files() -> None:
    """Raise the limit of open files where it is low: macOS begins with 256, and Airflow and TensorFlow need more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
