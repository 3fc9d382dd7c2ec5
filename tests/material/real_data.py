"""Where real pictures to test and measure on are: never part of the project."""

import os
from pathlib import Path

TEST_DATA_DIR = Path(os.environ.get("CDISCOUNT_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
"""Whatever needs them does without where they are absent."""


def need_test_data(*paths: Path) -> None:
    """End a benchmark with a sentence where its data is absent."""
    absent = [path for path in paths if not path.exists()]
    if absent:
        raise SystemExit(f"{absent[0]} is absent: set CDISCOUNT_TEST_DATA to the folder of real test data")
