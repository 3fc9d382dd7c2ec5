"""Whether a bucket can be used at all: written, listed, and with conditions that hold."""

import contextlib
import uuid

from cdiscount_tasks.artifacts.object_store import ObjectStore, open_store, patience
from cdiscount_tasks.errors import ConfigError


def _fault(store: ObjectStore, name: str) -> str:
    """Say what a bucket does wrong with an object of its own; empty: nothing."""
    first = store.swap(name, b"1", None)
    if store.create(name, b"2"):
        return "an object that exists was created again"
    if not first:
        return "it gives no ETags"
    if store.swap(name, b"3", first) is None:
        return "an object cannot be replaced by its ETag"
    return "an object was replaced though it was another one by then" if store.swap(name, b"4", first) else ""


def check_conditions(url: str) -> None:
    """Check that a bucket can be written, and honours conditions.

    Raises:
        ConfigError: If not; says what it did.
        OSError: If it does not answer for now.
    """
    store, name = open_store(url), f".probe-{uuid.uuid4().hex}"
    try:
        fault = _fault(store, name)
    except Exception:
        # What went wrong first is told, not that removing the object is refused as well.
        with contextlib.suppress(ConfigError, OSError), patience(0):
            store.remove([name])
        raise
    store.remove([name])
    if fault:
        raise ConfigError(
            f"{url}: the bucket does not honour conditional writes ({fault}), so that two tasks would write "
            "over each other; use one that does (Amazon S3, Google Cloud Storage, Azure, MinIO, Ceph, R2)"
        )
