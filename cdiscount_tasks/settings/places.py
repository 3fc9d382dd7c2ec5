"""Places in a bucket, as a setting names them: `s3://bucket/folder`, `gs://...`, `az://...`."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import ConfigError

_URL = re.compile(r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*(?:/[^/?#@\s]+)*/*")


def is_url(text: str) -> bool:
    """Tell whether a text names a place elsewhere, such as in a bucket, and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def names_bucket(text: str) -> bool:
    """Tell whether a text is meant as a place elsewhere, even with a slip in it such as `s3:/bucket`."""
    return is_url(text) or re.match(r"(s3|gs|az):", text, re.IGNORECASE) is not None


def refuse_bucket(text: str, what: str) -> None:
    """Refuse a place in a bucket where only a path of this machine will do.

    Raises:
        ConfigError: If it is one; without the text: it may hold a password.
    """
    if names_bucket(text):
        raise ConfigError(f"{what} names a place in a bucket, or on a server; expected a path of this machine")


def check_apart(data_url: str | None, reports_url: str | None) -> None:
    """Check that the data root and the reports have places of their own, where both are in a bucket.

    Raises:
        ConfigError: If they are in one place, or one is inside the other: what lists one would take the other's.
    """
    if data_url is None or reports_url is None:
        return
    if f"{data_url}/".startswith(f"{reports_url}/") or f"{reports_url}/".startswith(f"{data_url}/"):
        raise ConfigError(
            f"CDISCOUNT_DATA is {data_url} and CDISCOUNT_REPORTS is {reports_url}: one is inside the other; give each "
            "a folder of its own, such as s3://bucket/data and s3://bucket/reports"
        )


def checked_url(text: str, what: str) -> str:
    """Return the URL of a place in a bucket, without a `/` at its end.

    Args:
        text: What a setting holds.
        what: Where it was found, for the sentence.

    Raises:
        ConfigError: If it is none; the text is left out of the sentence where it may hold a password.
    """
    found = _URL.fullmatch(text)
    parts = text.partition("://")[2].split("/")[1:] if found else []
    if found is None or {".", ".."} & set(parts):
        shown = "a URL with a user, a query or a password" if re.search(r"[@?#]", text) else repr(text)
        raise ConfigError(
            f"{what} is {shown}, expected a path, or a bucket and a folder in it, such as s3://bucket/folder (or gs:// "
            "or az://); keys belong into the bucket's own variables, such as AWS_ACCESS_KEY_ID"
        )
    return text.rstrip("/")


BUCKETS, FILES, STATE = "buckets@", "files@", "state@"
"""Folders of a cache: `buckets@/s3/bucket/folder/files@` mirrors `s3://bucket/folder`. No URL has an @ in it."""


class BucketPlace(NamedTuple):
    """What a path in a mirror stands for.

    Attributes:
        url: Of the mirrored place.
        name: Of the object or folder in it; empty: the place itself.
        state_dir: Where this machine notes what it knows of the bucket.
    """

    url: str
    name: str
    state_dir: Path


def mirror_of(cache_dir: Path, url: str) -> Path:
    """Return the folder that mirrors a place in a bucket."""
    scheme, _, rest = url.partition("://")
    return cache_dir.joinpath(BUCKETS, scheme, *rest.split("/"), FILES)


def in_bucket(path: Path) -> BucketPlace | None:
    """Return what a path in a mirror stands for; None: it is on a disk, and nowhere else."""
    parts = path.parts
    if BUCKETS not in parts or FILES not in parts:
        return None
    root, end = parts.index(BUCKETS), parts.index(FILES)
    scheme, *rest = parts[root + 1 : end]
    return BucketPlace(f"{scheme}://{'/'.join(rest)}", "/".join(parts[end + 1 :]), Path(*parts[:end], STATE))


def setting_of(folder: Path, setting: str) -> str:
    """Return the environment variable that moves a folder: a mirror of a bucket is moved by the cache's."""
    return setting if in_bucket(folder) is None else "CDISCOUNT_CACHE"


def cache_bytes() -> int | None:
    """Return how many bytes of artifacts a cache may have; None: no bound. `read_environment` refuses other values."""
    try:
        return int(float(os.environ["CDISCOUNT_CACHE_GB"]) * 1e9)
    except (KeyError, ValueError):
        return None


def address_of(path: Path) -> str:
    """Return where a file or folder is, for people: its URL where it is in a bucket, else its path."""
    place = in_bucket(path)
    return str(path) if place is None else f"{place.url}/{place.name}".rstrip("/")


def with_address(path: Path) -> str:
    """Return the path of a file on this machine; where its folder is in a bucket, with the URL of that."""
    return str(path) if in_bucket(path) is None else f"{path} (in the bucket: {address_of(path.parent)})"


def way_back(path: Path) -> str:
    """Say how a file or folder that nothing makes again comes back."""
    if in_bucket(path) is None:
        return f"restore the {'file' if path.suffix else 'folder'} from a backup"
    return "bring back its older version in the bucket"


def settings_in(url: str) -> str:
    """Return the environment variables that name a place in the bucket of a URL, for a sentence."""
    bucket = "/".join(url.split("/")[:3])
    names = ("CDISCOUNT_DATA", "CDISCOUNT_REPORTS", "CDISCOUNT_CATALOGUE")
    found = [name for name in names if f"{os.environ.get(name, '')}/".startswith(f"{bucket}/")]
    return " and ".join(found) or "the setting that names it"
