"""What a bucket has, listed once and asked many times: sizes, times, and objects that no manifest names."""

import bisect
import re
import time
from collections.abc import Container
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cdiscount_tasks.artifacts.fetching import data_objects, is_data_object
from cdiscount_tasks.artifacts.local_manifest import MANIFEST, parse_manifest
from cdiscount_tasks.artifacts.object_store import ObjectState, open_store
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import in_bucket

DEAD_AFTER_S = 6 * 3600.0
"""A builder that has pushed nothing for so long has died: its manifest follows its last object within moments."""

_WITHIN_S = 30.0
_KEYED = re.compile(r"[a-z_]+-[0-9a-f]{16}")
_PROBE = re.compile(r"\.probe-[0-9a-f]{32}")


class Listing:
    """The objects of a bucket below a prefix, at a moment.

    Attributes:
        states: By name.
        at: When they were listed, by this process' clock.
    """

    def __init__(self, url: str) -> None:
        """List them."""
        self.at = time.monotonic()
        self.states: dict[str, ObjectState] = {found.name: found.state for found in open_store(url).list()}
        self._names = sorted(self.states)

    def below(self, folder_name: str) -> list[str]:
        """Return the objects of a folder, by name; of all, for an empty name."""
        if not folder_name:
            return self._names
        first = bisect.bisect_left(self._names, f"{folder_name}/")
        return self._names[first : bisect.bisect_left(self._names, f"{folder_name}0")]  # 0 comes after /

    def size_and_change(self, folder_name: str) -> tuple[int, float]:
        """Return how many bytes a folder's objects have, and when the newest was written, in seconds since 1970."""
        states = [self.states[name] for name in self.below(folder_name)]
        return sum(state.size for state in states), max((state.modified.timestamp() for state in states), default=0.0)

    @cached_property
    def artifacts(self) -> dict[str, list[str]]:
        """Return the data objects of each folder that has a manifest, named by it or not."""
        found: dict[str, list[str]] = {
            name.removesuffix(f"/{MANIFEST}"): [] for name in self._names if name.endswith(f"/{MANIFEST}")
        }
        for name in filter(is_data_object, self._names):
            if (owner := _nearest(name, found)) is not None:
                found[owner].append(name)
        return found

    @cached_property
    def without_manifest(self) -> dict[str, list[str]]:
        """Return the data objects that no manifest can name yet, by the artifact that they would become."""
        owned = {name for names in self.artifacts.values() for name in names}
        found: dict[str, list[str]] = {}
        for name in self._names:
            if is_data_object(name) and name not in owned:
                found.setdefault(_would_become(name), []).append(name)
        return found

    def is_old(self, name: str) -> bool:
        """Tell whether an object was written so long ago that nobody is about to name it."""
        return (datetime.now(UTC) - self.states[name].modified).total_seconds() > DEAD_AFTER_S

    def is_written_in(self, folder_name: str) -> bool:
        """Tell whether somebody is pushing an artifact into a folder, as far as can be seen."""
        return any(
            folder.startswith(f"{folder_name}/") and not all(map(self.is_old, names))
            for folder, names in self.without_manifest.items()
        )

    def probes(self) -> list[str]:
        """Return what starts that died have left of their look at the bucket."""
        return [name for name in self._names if _PROBE.fullmatch(name) and self.is_old(name)]


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _nearest(name: str, folders: Container[str]) -> str | None:
    return next((folder for folder in _parents(name) if folder in folders), None)


def _would_become(name: str) -> str:
    parents = _parents(name)
    keyed = (folder for folder in parents if _KEYED.fullmatch(folder.rpartition("/")[2]))
    return next(keyed, parents[0] if parents else "")


_listings: dict[str, Listing] = {}


def listing_of(url: str, within_s: float = _WITHIN_S) -> Listing:
    """Return what a bucket has, as of so many seconds ago at most."""
    found = _listings.get(url)
    if found is None or time.monotonic() - found.at >= within_s:
        found = _listings[url] = Listing(url)
    return found


def changed_s(path: Path) -> float:
    """Return when a file was written, in seconds since 1970: of a mirror's, by the bucket.

    Raises:
        OSError: If it is not there.
    """
    if (place := in_bucket(path)) is not None and (state := listing_of(place.url).states.get(place.name)):
        return state.modified.timestamp()
    return path.stat().st_mtime


def remains_in(url: str, folder_name: str, listing: Listing) -> list[str]:
    """Return what dead builders have left in a folder of a bucket: no manifest names it, and nobody will.

    Args:
        url: Of the bucket.
        folder_name: An artifact's folder, or what would become one.
        listing: Of the bucket, made before.

    Raises:
        DataError: If the folder's manifest is damaged: what it names is not known.
    """
    found = open_store(url).read(f"{folder_name}/{MANIFEST}")
    if found is None:
        names = listing.without_manifest.get(folder_name, [])
        return names if all(map(listing.is_old, names)) else []
    named = data_objects(folder_name, parse_manifest(found[0], Path(folder_name, MANIFEST)))
    return [name for name in listing.artifacts.get(folder_name, []) if name not in named and listing.is_old(name)]


def folders_with_remains(url: str, mirror: Path) -> dict[str, list[str]]:
    """Return the folders of a bucket in which dead builders have left objects, and which these are.

    Args:
        url: Of the bucket.
        mirror: Which has been brought up to date: its manifests need not be asked for.
    """
    listing, found = listing_of(url), {}
    for folder, names in listing.without_manifest.items():
        if all(map(listing.is_old, names)):
            found[folder] = names
    for folder, names in listing.artifacts.items():
        old = [name for name in names if listing.is_old(name)]
        try:
            path = mirror / folder / MANIFEST
            named = data_objects(folder, parse_manifest(path.read_bytes(), path)) if old else {}
        except (DataError, OSError):
            continue
        if left := [name for name in old if name not in named]:
            found[folder] = left
    return found
