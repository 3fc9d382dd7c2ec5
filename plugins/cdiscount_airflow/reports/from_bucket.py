"""Reports in a bucket: the API server's mirror of them, brought up to date before a page is made, and never for long.

Only lists, manifests and figures come ahead; a file comes when somebody asks for it, and stays as long as the cache has
room. On a disk there is nothing to do.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from cdiscount_airflow.store_keys import use_store_keys
from cdiscount_tasks.artifacts.bucket import open_file
from cdiscount_tasks.artifacts.object_store import in_threads, patience
from cdiscount_tasks.artifacts.refresh import make_mirror, refresh
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.reports.folders import report_folders
from cdiscount_tasks.reports.metrics import METRICS
from cdiscount_tasks.settings.environment import read_environment

logger = logging.getLogger(__name__)

WITHIN_S = 10.0
"""What a run has finished is listed after so many seconds at most."""
AWAY_S = 15.0
"""A bucket that has not answered is not asked again for so long: those who wait for it would use up all threads."""
_PATIENCE_S = 4.0
_WAIT_S = 20.0
_FIGURES_AT_ONCE = 8


@dataclass
class _Seen:
    """When a mirror was brought up to date last, and until when a fault that was met then is told again."""

    at: float = float("-inf")
    fault: str = ""
    again_at: float = 0.0


_keys = _Seen()
_seen: dict[Path, _Seen] = {}
_at_work = threading.Lock()


@contextmanager
def in_a_hurry() -> Iterator[None]:
    """Give a bucket only as long for an answer as a person waits for a page."""
    with patience(_PATIENCE_S, hurried=True):
        yield


def sentence_of(error: StoreAway) -> str:
    """Say to a reader that a bucket does not answer: without what is said to a task."""
    return f"The bucket does not answer for now ({error.fault}). Look again in a minute."


def _fetch_figures(reports_dir: Path) -> None:
    """Fetch the figures of reports that are new here, several at once: every list shows them."""

    def fetch(folder: Path, name: str) -> None:
        with contextlib.suppress(DataError):  # the list says what is wrong with it
            open_file(folder, name)

    folders = [folder for folder, _ in report_folders(reports_dir) if not (folder / METRICS).is_file()]
    in_threads(_FIGURES_AT_ONCE, "figures", fetch, folders, repeat(METRICS))


def bring_up_to_date() -> None:
    """Let the mirror of the reports have what every machine has written, where CDISCOUNT_REPORTS is a bucket.

    Raises:
        ConfigError: If the bucket, or the connection with its keys, cannot be used.
        StoreAway: If it does not answer for now.
    """
    environment = read_environment()
    if environment.reports_url is None and environment.data_url is None:
        return
    if not _at_work.acquire(timeout=_WAIT_S):
        raise StoreAway(f"{environment.reports_url}: other pages wait for it")
    try:
        if (now := time.monotonic()) - _keys.at >= WITHIN_S:
            use_store_keys()
            _keys.at = now
        if environment.reports_url is not None:
            _bring_up_to_date(environment.reports_dir)
    finally:
        _at_work.release()


def _bring_up_to_date(reports_dir: Path) -> None:
    seen, now = _seen.setdefault(reports_dir, _Seen()), time.monotonic()
    if now < seen.again_at:
        raise StoreAway(seen.fault)
    if now - seen.at < WITHIN_S:
        return
    try:
        make_mirror(reports_dir)
        with in_a_hurry():
            refresh(reports_dir)
            _fetch_figures(reports_dir)
    except StoreAway as error:
        seen.fault, seen.again_at = str(error), time.monotonic() + AWAY_S
        logger.warning("%s", error)
        raise
    except ConfigError:
        seen.at = float("-inf")
        raise
    seen.at = now
