"""The clean-up of buckets beside that of the data folder: what dead builders have left, and the size of the cache."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cdiscount_tasks.artifacts import cache
from cdiscount_tasks.artifacts.bucket_listing import Listing, folders_with_remains, listing_of, remains_in
from cdiscount_tasks.artifacts.documents import remove_document
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.refresh import TRAINING
from cdiscount_tasks.artifacts.removal import delete_part
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.places import in_bucket

UNNAMED = "objects that no manifest names"
"""In the path of an item: below the folder that they are in."""


def _buckets(environment: Environment) -> list[tuple[str, Path]]:
    found = ((environment.data_url, environment.data_dir), (environment.reports_url, environment.reports_dir))
    return [(url, mirror) for url, mirror in found if url is not None]


def find_remains(environment: Environment) -> Iterator[tuple[Path, int]]:
    """Yield what dead builders have left in buckets: a path for each folder, and the bytes.

    Raises:
        OSError: If a bucket does not answer for now.
    """
    for url, mirror in _buckets(environment):
        states = listing_of(url).states
        for folder, names in folders_with_remains(url, mirror).items():
            yield mirror / folder / UNNAMED, sum(states[name].size for name in names)
        if probes := listing_of(url).probes():
            yield mirror / UNNAMED, sum(states[name].size for name in probes)


def remove_remains(path: Path) -> str:
    """Remove what dead builders have left in a folder, looked at anew; returns why it stays, empty: it is gone.

    Args:
        path: As `find_remains` yields it.
    """
    place = in_bucket(path.parent)
    if place is None:
        return ""
    try:
        listing = Listing(place.url)
        left = remains_in(place.url, place.name, listing) if place.name else listing.probes()
        open_store(place.url).remove(left)
    except (OSError, ConfigError, DataError) as error:
        return f"it cannot be removed ({error})"
    return ""


def is_written_in(folder: Path) -> bool:
    """Tell whether somebody, on whichever machine, is pushing an artifact into a folder of the data root."""
    place = in_bucket(folder)
    return place is not None and listing_of(place.url).is_written_in(place.name)


def show_trainings(environment: Environment) -> None:
    """Let the folders of trainings that are in the bucket alone be seen in the mirror, empty as they are there."""
    if environment.data_url is None:
        return
    for name in listing_of(environment.data_url).states:
        folder, is_training, _ = name.partition(TRAINING)
        if is_training:
            (environment.data_dir / f"{folder}{TRAINING}").mkdir(parents=True, exist_ok=True)


def remove_note(path: Path) -> str:
    """Remove a small file, in a bucket too; returns why it stays, empty: it is gone."""
    if in_bucket(path) is None:
        return delete_part(path)
    try:
        remove_document(path)
    except (OSError, ConfigError) as error:
        return f"it cannot be removed ({error})"
    return ""


def bound_caches(environment: Environment) -> None:
    """Let the cache have no more than CDISCOUNT_CACHE_GB allows."""
    for _, mirror in _buckets(environment):
        with contextlib.suppress(OSError):
            cache.make_room(mirror)
