"""artifacts.json: which artifact each stage of a run used or made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import DAMAGE, write_json
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.errors import DataError

NOTES = "artifacts.json"


def noted_results(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the results noted so far, by stage; none before the first.

    Raises:
        DataError: If the notes are damaged.
    """
    path = run_dir / NOTES
    try:
        noted = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except DAMAGE as error:
        raise DataError(
            f"{path}: is damaged ({error}); trigger a new run, which finds what was made by its key"
        ) from error
    return cast(dict[str, dict[str, Any]], noted)


def note_result(run_dir: Path, stage: str, result: Mapping[str, Any]) -> None:
    """Note a stage's result; tasks that end at the same time note one after the other."""
    with lock(run_dir / ".artifacts.lock", NOTES):
        noted = noted_results(run_dir)
        noted[stage] = dict(result)
        replace_file(run_dir / NOTES, lambda aside: write_json(aside, noted))
