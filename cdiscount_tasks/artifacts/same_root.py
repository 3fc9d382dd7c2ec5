"""Whether a bucket still has the root that a mirror is of: an emptied bucket must not empty the mirrors too."""

from pathlib import Path

from cdiscount_tasks.artifacts.mirror import known_tag, place_in
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import FILES

MARKER = ".cdiscount-root"
"""A file with the root's id: two machines that see the same id see the same files, whatever each calls the folder."""


def check_same_root(path: Path) -> None:
    """Refuse a bucket that has no root's id any more, or another one than this machine's mirror.

    Args:
        path: The mirror, or what is in it.

    Raises:
        ConfigError: If so; nothing was changed.
        OSError: If the bucket does not answer for now.
    """
    mirror = Path(*path.parts[: path.parts.index(FILES) + 1])
    place = place_in(mirror, MARKER)
    known = known_tag(place)
    try:
        here = (mirror / MARKER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return
    if known is None or not here:
        return
    found = open_store(place.url).read(place.name, known)
    there = "" if found is None else here if found[1] == known else found[0].decode("utf-8", "replace").strip()
    if there == here:
        return
    has = f"the root {there[:32]!r}" if there else f"no {MARKER}"
    raise ConfigError(
        f"{place.url}: has {has}, but this machine's cache mirrors the root {here} of this place: the bucket was "
        "emptied, or another one of this name answers. Nothing was removed here, and the cache may hold the last "
        "copies: correct the endpoint (such as AWS_ENDPOINT_URL) or the setting that names the bucket, or bring the "
        f"bucket's objects back; if all is to begin anew, move {mirror.parent} elsewhere"
    )
