"""A catalogue indexed in this process, as a run does it."""

from pathlib import Path
from typing import Any


def index_catalogue(catalogue_path: Path, parent_dir: Path, max_rejected_share: float = 0.5) -> dict[str, Any]:
    """Plan, scan each range, merge; return the index's result."""
    from cdiscount_tasks.stages import index

    for byte_range in index.plan_ranges(catalogue_path, parent_dir):
        index.scan_range(catalogue_path, byte_range, parent_dir)
    return dict(index.merge_index(catalogue_path, parent_dir, max_rejected_share))
