"""Places in a bucket, as a setting names them: `s3://bucket/folder`, `gs://...`, `az://...`."""

import re

from cdiscount_tasks.errors import ConfigError

_URL = re.compile(r"(s3|gs|az)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<folder>(?:/[^/?#\s]+)*)/*")


def is_url(text: str) -> bool:
    """Tell whether a text names a place elsewhere, such as in a bucket, and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


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
