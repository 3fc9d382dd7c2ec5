"""`make verify`: compares every file of every artifact with the hash that its manifest holds.

Of a sample that left its pictures in the catalogue, each of these is compared too. Of a bucket every object is
compared, and the copies that this machine has of some of them.
"""

import os
import re
import sys
import time
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.artifacts.bucket_check import artifacts_in, verify_copies, verify_in_bucket
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_listed, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.promoted import WAY_BACK, promoted_models
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import in_bucket
from cdiscount_tasks.tables.sample_images import verify_left_images
from tools.command import exit_status


def iter_artifacts(root_dir: Path) -> Iterator[Path]:
    """Yield the finished artifacts below a folder; hidden ones are still being written, damaged ones are set aside."""
    for parent, folders, files in os.walk(root_dir):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and ".damaged-" not in name)
        if MANIFEST in files:
            yield Path(parent)


def verify_left(artifact_dir: Path) -> int:
    """Compare what an artifact left in the catalogue; returns how many pictures that are.

    Raises:
        DataError: If the catalogue or one of the pictures is missing or damaged.
    """
    manifest = read_listed(artifact_dir)
    left = manifest["stage"] == "sample" and manifest["config"].get("pictures") == "in_catalogue"
    return verify_left_images(artifact_dir) if left else 0


def _verify_one(artifact_dir: Path) -> int:
    """Compare an artifact's files, in the bucket where it is in one; returns how many there are."""
    if in_bucket(artifact_dir) is None:
        return verify_artifact(artifact_dir)
    num_files = verify_in_bucket(artifact_dir)
    verify_copies(artifact_dir)
    return num_files


def _artifacts(root_dir: Path) -> Iterable[Path]:
    return iter_artifacts(root_dir) if in_bucket(root_dir) is None else artifacts_in(root_dir)


def _shown(root_dir: Path) -> str:
    place = in_bucket(root_dir)
    return str(root_dir) if place is None else place.url


def _told(error: DataError, artifact_dir: Path, promoted: Container[Path]) -> str:
    """Say what is damaged; of a model that was promoted, what to do instead of removing it."""
    without, num_advices = re.subn(r"[;:] remove \S.* and run again$", "", str(error))
    if artifact_dir not in promoted or not num_advices:
        return str(error)
    back = "bring its folder back from a backup" if in_bucket(artifact_dir) is None else WAY_BACK
    return f"{without}; this model was promoted, and made again it would be another one: do not remove it, but {back}"


def verify(root_dirs: list[Path], promoted: Container[Path] = ()) -> int:
    """Check all artifacts below the folders, and print each that is damaged.

    Args:
        root_dirs: The folders.
        promoted: Models that must not be removed.

    Returns:
        The number of damaged artifacts.
    """
    started, num_artifacts, num_files, num_left, faults = time.monotonic(), 0, 0, 0, []
    for artifact_dir in dict.fromkeys(path for root_dir in root_dirs for path in _artifacts(root_dir)):
        num_artifacts += 1
        try:
            num_files += _verify_one(artifact_dir)
            num_left += verify_left(artifact_dir)
        except DataError as error:
            faults.append(error)
            print(_told(error, artifact_dir, promoted), file=sys.stderr)
    left = f", {num_left:,} pictures in catalogues whole" if num_left else ""
    print(
        f"{num_artifacts} artifacts, {num_files} files whole{left}, {len(faults)} artifacts damaged, "
        f"in {time.monotonic() - started:.1f} s: {', '.join(map(_shown, root_dirs))}"
    )
    return len(faults)


def main() -> int:
    """Verify the data folder and the reports; returns the exit status."""
    environment = read_environment()
    bring_up_to_date(environment)
    return 1 if verify([environment.data_dir, environment.reports_dir], promoted_models(environment)) else 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
