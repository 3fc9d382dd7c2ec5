"""`make verify`: compares every file of every artifact with the hash that its manifest holds."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.artifacts.manifest import MANIFEST, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.environment import read_environment
from tools.command import exit_status


def iter_artifacts(root_dir: Path) -> Iterator[Path]:
    """Yield the finished artifacts below a folder; hidden ones are still being written, damaged ones are set aside."""
    for parent, folders, files in os.walk(root_dir):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and ".damaged-" not in name)
        if MANIFEST in files:
            yield Path(parent)


def verify(root_dirs: list[Path]) -> int:
    """Check all artifacts below the folders, and print each that is damaged.

    Returns:
        The number of damaged artifacts.
    """
    started, num_artifacts, num_files, faults = time.monotonic(), 0, 0, []
    for artifact_dir in dict.fromkeys(path for root_dir in root_dirs for path in iter_artifacts(root_dir)):
        num_artifacts += 1
        try:
            num_files += verify_artifact(artifact_dir)
        except DataError as error:
            faults.append(error)
            print(error, file=sys.stderr)
    print(
        f"{num_artifacts} artifacts, {num_files} files whole, {len(faults)} artifacts damaged, "
        f"in {time.monotonic() - started:.1f} s: {', '.join(str(path) for path in root_dirs)}"
    )
    return len(faults)


def main() -> int:
    """Verify the data folder and the reports; returns the exit status."""
    environment = read_environment()
    return 1 if verify([environment.data_dir, environment.reports_dir]) else 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
