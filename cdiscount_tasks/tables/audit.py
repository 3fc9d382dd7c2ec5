"""The audit artifact, read for the report."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import SUSPECTS


class AuditTables(NamedTuple):
    """What an audit found.

    Attributes:
        key: Names the list of suspects.
        counts: The result in its manifest.
        suspects: suspects.parquet, the most suspect first.
        leak: leak.json.
        reviews: reviews.json.
    """

    key: str
    counts: dict[str, Any]
    suspects: pd.DataFrame
    leak: dict[str, Any]
    reviews: dict[str, Any]


def read_audit(audit_dir: Path) -> AuditTables:
    """Read an audit.

    Raises:
        DataError: If a file is missing or damaged.
    """
    manifest = read_manifest(audit_dir)
    return AuditTables(
        key=str(manifest["key"]),
        counts=manifest["result"],
        suspects=read_table(audit_dir / "suspects.parquet", SUSPECTS).to_pandas(),
        leak=read_json(audit_dir / "leak.json"),
        reviews=read_json(audit_dir / "reviews.json"),
    )
