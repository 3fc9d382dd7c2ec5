"""The search artifact: its trials, and what they say."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import TRIALS

SEARCH, TRIALS_FILE = "search.json", "trials.parquet"


class SearchTables(NamedTuple):
    """What a search has tried and found.

    Attributes:
        facts: search.json.
        trials: The rows of trials.parquet, `knobs` by name.
    """

    facts: dict[str, Any]
    trials: list[dict[str, Any]]


def read_chosen(search_dir: Path) -> dict[str, Any]:
    """Return the knobs of the best trial.

    Raises:
        DataError: If the file is missing or damaged.
    """
    chosen: dict[str, Any] = read_json(search_dir / SEARCH)["chosen"]
    return chosen


def read_search(search_dir: Path) -> SearchTables:
    """Read a search artifact.

    Raises:
        DataError: If a file is missing or damaged.
    """
    rows = read_table(search_dir / TRIALS_FILE, TRIALS).to_pylist()
    trials = [{**row, "knobs": json.loads(row["knobs"])} for row in rows]
    return SearchTables(read_json(search_dir / SEARCH), trials)
