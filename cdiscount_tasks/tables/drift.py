"""The drift artifact, read for the report."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import DRIFT_PICTURES


class DriftTables(NamedTuple):
    """What was found of drift.

    Attributes:
        facts: drift.json.
        pictures: drift_pictures.parquet: those that show the drift, of the champion's sample (`before`) and of the new
            one (`now`), the surest of each side first.
    """

    facts: dict[str, Any]
    pictures: pd.DataFrame


def read_drift(drift_dir: Path) -> DriftTables:
    """Read a drift artifact.

    Raises:
        DataError: If a file is missing or damaged.
    """
    return DriftTables(
        facts=read_json(drift_dir / "drift.json"),
        pictures=read_table(drift_dir / "drift_pictures.parquet", DRIFT_PICTURES).to_pandas(),
    )
