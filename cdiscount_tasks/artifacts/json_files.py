"""JSON files that are the same for the same value, and what damage in one raises."""

import json
import os
from pathlib import Path
from typing import Any

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import in_bucket

DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What bytes that were changed raise when they are read as JSON; what nests a million deep is a RecursionError."""

NO_SUCH_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def json_text(value: Any, indent: int | None = 2) -> str:
    """Return a value's JSON as it is written: sorted keys, one line end at its end."""
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write JSON that is the same for the same value, and sync it; without indentation, ten times quicker."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json_text(value, indent))
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of an artifact.

    Raises:
        DataError: If it is missing, damaged or holds no object.
        OSError: If it cannot be read for now.
    """
    if in_bucket(path) is not None and not path.is_file():
        from cdiscount_tasks.artifacts.bucket import open_file  # which reads manifests by this module

        open_file(path.parent, path.name)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (*NO_SUCH_FILE, *DAMAGE) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove {path.parent} and run again") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: holds {type(value).__name__}, expected an object; remove {path.parent} and run again")
    return value
