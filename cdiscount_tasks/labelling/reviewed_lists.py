"""The lists of suspects that people have been through, found again by the fixes that name them.

A fix names its list by the key of the audit that made it; a run keeps a copy of the list in a file named by that key.
"""

import logging
import re
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

_LIST_NAMED = re.compile(r"\blist ([0-9a-f]{16})\b")
"""How the reason of a fix names the list that it comes from, by the key of its audit."""

_COPY = re.compile(r"reviewed-([0-9a-f]{16})\.parquet")
"""The name of a run's copy of a list."""


def lists_named(text: str) -> list[str]:
    """Return the keys of the lists that a text names, in the order of the text."""
    return _LIST_NAMED.findall(text)


def copy_name(key: str) -> str:
    """Return the name of a run's copy of a list."""
    return f"reviewed-{key}.parquet"


def key_of_copy(name: str) -> str:
    """Return the key of the list that a file is a copy of.

    Raises:
        ValueError: If it is the name of no such copy.
    """
    found = _COPY.fullmatch(name)
    if found is None:
        raise ValueError(f"{name}: is no copy of a list, expected {copy_name('<16 hex digits>')}")
    return found[1]


def copies_among(names: Iterable[str]) -> list[str]:
    """Return those names that a copy of a list carries, ascending."""
    return sorted(name for name in names if _COPY.fullmatch(name))


def find_reviewed_lists(fixes_path: Path, artifacts_dir: Path) -> dict[str, Path]:
    """Find the audits whose lists a fixes file names; it is not read as CSV, which label fixing does and reports.

    Args:
        fixes_path: People's fixes, whatever is in it.
        artifacts_dir: The sample's artifacts.

    Returns:
        `suspects.parquet` of each audit that still exists, by the name that its copy in the run's folder carries.
    """
    found = {}
    text = fixes_path.read_bytes().decode("utf-8", errors="replace")
    for key in sorted(set(lists_named(text))):
        path = artifacts_dir / f"audit-{key}" / "suspects.parquet"
        if path.is_file():
            found[copy_name(key)] = path
        else:
            logger.warning("%s names the list %s, but %s no longer exists", fixes_path.name, key, path.parent)
    return found
