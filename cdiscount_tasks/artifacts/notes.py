"""artifacts.json: which artifact each step of a run used or made.

It names them relative to the data root, so that a root that was moved, or is mounted elsewhere, can be read.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.documents import change_document, pull
from cdiscount_tasks.artifacts.json_files import DAMAGE, json_text
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.errors import DataError

NOTES = "artifacts.json"


def noted_results(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the results noted so far, by stage; none before the first.

    Raises:
        DataError: If the notes are damaged.
    """
    path = run_dir / NOTES
    pull(path)
    try:
        noted = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except DAMAGE as error:
        raise DataError(
            f"{path}: is damaged ({error}); trigger a new run, which finds what was made by its key"
        ) from error
    return cast(dict[str, dict[str, Any]], noted)


def noted_folders(run_dir: Path, root: Path) -> dict[str, Path]:
    """Return where the noted artifacts are, by step.

    Args:
        run_dir: Of the run.
        root: The data root.
    """
    return {step: root / result["path"] for step, result in noted_results(run_dir).items() if "path" in result}


def note_result(run_dir: Path, root: Path, step: str, result: Mapping[str, Any]) -> None:
    """Note a step's result; tasks that end at the same time note one after the other.

    Args:
        run_dir: Of the run.
        root: The data root. The result's path is noted relative to it; one that is not below it is left out.
        step: The noun that the artifact carries.
        result: Of the stage.
    """
    noted_result = dict(result)
    if "path" in result:
        path = Path(result["path"])
        if path.is_relative_to(root):
            noted_result["path"] = path.relative_to(root).as_posix()
        else:
            del noted_result["path"]
    with disk_faults_told(run_dir), lock(run_dir / ".artifacts.lock", NOTES):
        change_document(run_dir / NOTES, lambda: json_text({**noted_results(run_dir), step: noted_result}).encode())
