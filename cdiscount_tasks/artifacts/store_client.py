"""The client of a bucket, from obstore: how long it waits, how often it asks again, where its keys come from."""

import os
import re
from datetime import timedelta
from typing import Any

from cdiscount_tasks.artifacts.store_faults import short_fault
from cdiscount_tasks.errors import ConfigError

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT")
"""An address that begins with http:// is meant so: it needs no other setting."""
_ADDRESS = re.compile(r"https?://([^/@?#\s:\[\]]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[^@?#\s]*)?")


def is_of_obstore(error: BaseException) -> bool:
    """Tell whether an exception is one of obstore's own."""
    return type(error).__module__.startswith("obstore")


def unmet_conditions() -> tuple[type[Exception], ...]:
    """Return what is no fault, but says that a condition does not hold."""
    from obstore.exceptions import AlreadyExistsError, NotModifiedError, PreconditionError

    return AlreadyExistsError, NotModifiedError, PreconditionError


_users: set[int] = set()
"""The process that has opened a client; in one that is forked from it a request would hang, without its threads."""
_REQUEST = {"connect_timeout": "10s", "read_timeout": "30s", "timeout": "120s"}
"""A piece of 8 MiB in 120 s is 0.6 Mbit/s; a server that says nothing for 30 s is asked again."""
_HURRIED_REQUEST = {"connect_timeout": "3s", "read_timeout": "5s", "timeout": "20s"}


def check_not_forked(url: str) -> None:
    """Refuse a process that was forked from one that has used a bucket.

    Raises:
        RuntimeError: If it was.
    """
    if _users and os.getpid() not in _users:
        raise RuntimeError(f"{url}: a bucket was used by the process that forked this one; start a new one instead")


def _check_endpoints() -> None:
    """Refuse an address of a server that obstore would panic on.

    Raises:
        ConfigError: If it is none; without the text: it may hold a password.
    """
    for name in _ENDPOINTS:
        if not (text := os.environ.get(name, "")):
            continue
        found = _ADDRESS.fullmatch(text)
        if found is None or int(found["port"] or 0) > 65535:
            raise ConfigError(
                f"environment variable {name} is no address of a server, expected one such as http://127.0.0.1:9000 or "
                "https://s3.example.org, without a user or password (keys belong into the bucket's own variables)"
            )


def open_client(url: str, max_retries: int, *, hurried: bool = False) -> Any:
    """Open a bucket below a prefix; asks nothing yet. Keys and endpoint are those of the usual variables.

    Args:
        url: Such as `s3://bucket/folder`.
        max_retries: How often obstore itself asks again; 0: where the answer to the first try must be known.
        hurried: Whether a request that gets no answer is given up after seconds.

    Raises:
        ConfigError: If obstore is not installed, or the variables do not fit.
    """
    check_not_forked(url)
    _check_endpoints()
    _users.add(os.getpid())
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise ConfigError(f"{url}: the package obstore is not installed; install requirements.txt again") from error
    allow_http = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    options = {**(_HURRIED_REQUEST if hurried else _REQUEST), "allow_http": allow_http}
    retry = {
        "max_retries": max_retries,
        "retry_timeout": timedelta(seconds=60),
        "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    try:
        return from_url(url, client_options=options, retry_config=retry)
    except Exception as error:
        if not is_of_obstore(error) and not isinstance(error, ValueError):
            raise
        raise ConfigError(f"{url}: {short_fault(str(error))}; correct the bucket's variables") from error


def tag_of(url: str, found: Any) -> str:
    """Return by what a version of an object is known when it is swapped: its ETag, on Google its generation as well."""
    version = found.get("version") if url.startswith("gs://") else None
    return f"{found['e_tag'] or ''}\n{version}" if version else found["e_tag"] or ""


def e_tag_in(tag: str) -> str:
    """Return the ETag of a tag."""
    return tag.partition("\n")[0]


def condition_of(tag: str) -> dict[str, str]:
    """Return the version that a swap asks for, as obstore takes it."""
    e_tag, _, version = tag.partition("\n")
    return {"e_tag": e_tag, "version": version} if version else {"e_tag": e_tag}
