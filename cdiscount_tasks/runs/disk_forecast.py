"""When the disk will be full, by what the last four weeks, or all weeks there were, have made and left."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cdiscount_tasks.artifacts.bucket_listing import listing_of
from cdiscount_tasks.artifacts.manifest import MANIFEST, when_finished
from cdiscount_tasks.artifacts.removal import size_and_change
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.reports.disk import WINDOW_DAYS, DiskForecast, write_disk_note
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.settings.environment import Environment


def _artifacts(root: Path) -> Iterator[Path]:
    """Yield the finished artifacts below a folder; links are not followed."""
    for parent, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if MANIFEST in files:
            folders.clear()
            yield Path(parent)


def _finished(root: Path) -> Iterator[tuple[datetime, Path]]:
    """Yield the finished artifacts below a folder with when they were finished."""
    for artifact_dir in _artifacts(root):
        try:
            yield when_finished(artifact_dir), artifact_dir
        except OSError:
            continue  # removed a moment ago, or not readable now: the forecast is rough anyway


def _size(artifact_dir: Path) -> int:
    try:
        return size_and_change(artifact_dir)[0]
    except OSError:
        return 0


def forecast_disk(environment: Environment) -> DiskForecast | None:
    """Return when the data folder's disk will be full; None: there is no data folder yet.

    Reports count where they are on the same disk. What was made and removed again within the four weeks does not: with
    a clean-up that keeps up, a disk does not grow. Data that is younger than four weeks is measured over its age.
    """
    if not environment.data_dir.is_dir():
        return None
    now, device = datetime.now(UTC), environment.data_dir.stat().st_dev
    roots = [environment.data_dir]
    reports_dir = environment.reports_dir
    is_beside = reports_dir.is_dir() and not reports_dir.is_relative_to(environment.data_dir)
    if is_beside and reports_dir.stat().st_dev == device:
        roots.append(reports_dir)
    finished = [one for root in roots for one in _finished(root)]
    since = max(min((when for when, _ in finished), default=now), now - timedelta(days=WINDOW_DAYS))
    added = sum(_size(artifact_dir) for when, artifact_dir in finished if when >= since)
    num_days = max((now - since) / timedelta(days=1), 0.0)
    return DiskForecast(now, shutil.disk_usage(environment.data_dir).free, added / max(num_days, 1.0), num_days)


def _words_of_bucket(url: str) -> str:
    """Say what a bucket has: it is never full, but it is paid for by its size."""
    states = listing_of(url).states.values()
    return f"{url}: {len(states):,} objects, {sum(state.size for state in states) / 1e9:,.2f} GB; a bucket is not full."


def note_disk(environment: Environment) -> str:
    """Note the forecast for the index of reports, and write the index anew; returns it as a sentence.

    Where it cannot be noted, since the disk is full already, the sentence says so: a clean-up must not fail for it.
    """
    if environment.data_url is not None:
        return _words_of_bucket(environment.data_url)
    forecast = forecast_disk(environment)
    if forecast is None:
        return "There is no data folder yet."
    try:
        write_disk_note(environment.reports_dir, forecast)
        write_reports_index(environment.reports_dir)
    except (ConfigError, OSError) as error:
        return f"{forecast.in_words()} It could not be noted for the index of reports: {error}"
    return forecast.in_words()
