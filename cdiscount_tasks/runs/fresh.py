"""What other machines made, seen from this one: nothing to do on a disk, a listing where a bucket is mirrored."""

import time
from pathlib import Path

from cdiscount_tasks.artifacts.refresh import make_mirror, refresh
from cdiscount_tasks.settings.environment import Environment

_WITHIN_S = 60.0
_seen: dict[Path, float] = {}
"""By folder: when this process listed it last. A task is a process: what it looks for was there when it began."""


def bring_up_to_date(environment: Environment) -> None:
    """Let the mirrors of the data root and of the reports have what every machine has written.

    Raises:
        ConfigError: If a bucket, or the folder of the cache, cannot be used.
        OSError: If it does not answer for now.
    """
    for url, folder in (
        (environment.data_url, environment.data_dir),
        (environment.reports_url, environment.reports_dir),
    ):
        if url is None or time.monotonic() - _seen.get(folder, -_WITHIN_S) < _WITHIN_S:
            continue
        began = time.monotonic()
        make_mirror(folder)
        refresh(folder)
        _seen[folder] = began
