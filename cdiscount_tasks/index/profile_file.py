"""profile.json, what an index holds in numbers: its one reader. Loads nothing heavy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.bucket import paths_of_artifacts
from cdiscount_tasks.artifacts.json_files import read_json

PROFILE = "profile.json"


def read_profile(index_dir: Path) -> dict[str, Any]:
    """Read what an index holds in numbers; docs/data.md describes it.

    Raises:
        DataError: If it is missing or damaged.
        OSError: If it cannot be read for now.
    """
    return read_json(index_dir / PROFILE)


def profiled_indexes(parent_dir: Path) -> Iterator[Path]:
    """Yield the indexes of a catalogue that have a profile, by name."""
    yield from (path.parent for path in paths_of_artifacts(parent_dir, f"index-*/{PROFILE}"))
