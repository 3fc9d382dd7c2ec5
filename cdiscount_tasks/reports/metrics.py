"""metrics.json, all figures of a report for programs: its one reader. Loads nothing heavy."""

import json
from pathlib import Path
from typing import Any, cast

from cdiscount_tasks.artifacts.bucket import open_file
from cdiscount_tasks.artifacts.json_files import DAMAGE, NO_SUCH_FILE
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.vocabulary import METRICS_VERSION

METRICS = "metrics.json"
_REMAKE = "clear the task write_report of its run in Airflow, or remove the folder"


def read_metrics(report_dir: Path) -> dict[str, Any]:
    """Read a finished report's metrics.json; docs/metrics-schema.md describes it.

    Raises:
        DataError: If it is missing, damaged or of another schema; says what to do.
        OSError: If it cannot be read for now.
    """
    path = report_dir / METRICS
    try:
        metrics = json.loads(open_file(report_dir, METRICS).read_text(encoding="utf-8"))
        version = metrics["schema_version"]
    except NO_SUCH_FILE as error:
        raise DataError(f"{path} is missing; {_REMAKE}") from error
    except DAMAGE as error:
        raise damaged(report_dir, error) from error
    if version != METRICS_VERSION:
        age = "an older" if isinstance(version, int) and version < METRICS_VERSION else "another"
        raise DataError(
            f"{path} is of {age} schema ({version!r}, this code reads {METRICS_VERSION}); to read its figures {_REMAKE}"
        )
    return cast(dict[str, Any], metrics)


def damaged(report_dir: Path, error: Exception) -> DataError:
    """Return what says that a metrics.json lacks something, or has it in another form than the schema."""
    return DataError(f"{report_dir / METRICS} is damaged ({type(error).__name__}: {error}); {_REMAKE}")
