"""artifacts.json: which artifact each stage of a run used or made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.storage.artifact import lock, replace_file, write_json

NOTES = "artifacts.json"


def noted_results(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the results noted so far, by stage; none before the first."""
    path = run_dir / NOTES
    return cast(dict[str, dict[str, Any]], json.loads(path.read_text("utf-8"))) if path.exists() else {}


def note_result(run_dir: Path, stage: str, result: Mapping[str, Any]) -> None:
    """Note a stage's result; tasks that end at the same time note one after the other."""
    with lock(run_dir / ".artifacts.lock", NOTES):
        noted = noted_results(run_dir)
        noted[stage] = dict(result)
        replace_file(run_dir / NOTES, lambda aside: write_json(aside, noted))
