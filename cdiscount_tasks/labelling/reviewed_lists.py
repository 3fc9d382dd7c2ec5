"""The lists of suspects that people have been through, found again by the fixes that name them."""

import logging
from pathlib import Path

from cdiscount_tasks.vocabulary import LIST_NAMED

logger = logging.getLogger(__name__)


def find_reviewed_lists(fixes_path: Path, artifacts_dir: Path) -> dict[str, Path]:
    """Find the audits whose lists a fixes file names; it is not read as CSV, which label fixing does and tells.

    Args:
        fixes_path: People's fixes, whatever is in it.
        artifacts_dir: The sample's artifacts.

    Returns:
        `suspects.parquet` of each audit that still stands, by the name that its copy in the run's folder carries.
    """
    found = {}
    text = fixes_path.read_bytes().decode("utf-8", errors="replace")
    for key in sorted(set(LIST_NAMED.findall(text))):
        path = artifacts_dir / f"audit-{key}" / "suspects.parquet"
        if path.is_file():
            found[f"reviewed-{key}.parquet"] = path
        else:
            logger.warning("%s names the list %s, but %s no longer stands", fixes_path.name, key, path.parent)
    return found
