"""What was decided of runs after their reports were written: read from the notes beside them, for the lists."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.pages.overview.rows import FinishedReport
from cdiscount_tasks.reports.folders import CHAMPION_NOTE, DECISIONS_NOTE, Report

logger = logging.getLogger(__name__)


def _read(path: Path) -> Any:
    """Return a note; None if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _champion(folder: Path) -> dict[str, str]:
    """Return since when a run's model is the champion, by the run's folder; empty if nothing is noted."""
    note = _read(folder / CHAMPION_NOTE)
    if note is None:
        return {}
    back = f", rolled back to decision {note['back_to']}" if "back_to" in note else ""
    since = f"since {note['since'][:16].replace('T', ' ')}, decision {note['decision']}"
    return {Path(note["report"]).name: f"{since}{back}"}


def _outcomes(folder: Path) -> dict[str, str]:
    """Return what became of the models of runs, by their folder."""
    notes = _read(folder / DECISIONS_NOTE)
    if notes is None:
        return {}
    return {run: f"{note['outcome']} (decision {note['decision']})" for run, note in notes.items()}


def _noted(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """Return what the notes of a sample say, by field of a row and folder of a run; a damaged one is told."""
    found: dict[str, Mapping[str, str]] = {}
    readers = (("champion", CHAMPION_NOTE, _champion), ("decided", DECISIONS_NOTE, _outcomes))
    for field, name, read in readers:
        try:
            found[field] = read(folder)
        except (OSError, *DAMAGE) as error:
            logger.warning("the index of reports cannot read %s: %s", folder / name, error)
    return found


def with_decisions(reports_dir: Path, reports: Sequence[Report]) -> list[Report]:
    """Add to each run what was decided of its model, and whether it is the champion.

    A decision comes after the report, so this is read anew each time, and kept with no report that was read before.
    """
    noted = cache(_noted)
    rows: list[Report] = []
    for row in reports:
        if isinstance(row, FinishedReport):
            said = noted((reports_dir / row.link).parents[1])
            words: dict[str, Any] = {field: of_run.get(row.folder, "") for field, of_run in said.items()}
            rows.append(replace(row, **words))
        else:
            rows.append(row)
    return rows
