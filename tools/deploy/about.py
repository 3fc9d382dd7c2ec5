"""What an image says of itself where no command is named: its packages, and whether its folders can be written.

`python -m tools.deploy.about` ends with 1 where a folder that a run writes cannot be written: a volume with wrong
rights is found before a task fails on it.
"""

import os
import sys
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from cdiscount_tasks.settings.environment import PROJECT_DIR

PACKAGES = (
    "apache-airflow",
    "keras",
    "tensorflow",
    "jax",
    "apache-airflow-providers-celery",
    "apache-airflow-providers-fab",
)
WRITTEN = ("airflow", "data", "include/reports", "include/label_fixes")


def package_lines(names: Iterable[str] = PACKAGES) -> list[str]:
    """Return a line for each package that is installed, with its version."""
    installed = {each.name.lower(): each.version for each in metadata.distributions()}
    return [f"{name} {installed[name]}" for name in names if name in installed]


def unwritable(folders: Iterable[Path]) -> list[str]:
    """Return a sentence for each folder in which this user can make no file."""
    faults = []
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            who = f"user {os.getuid()}, group {os.getgid()}"
            faults.append(
                f"{folder}: nothing can be written there by {who} ({error.strerror}); give group 0 its rights"
            )
    return faults


def main(project_dir: Path = PROJECT_DIR) -> int:
    """Print it; returns 1 if a folder cannot be written."""
    print(f"Cdiscount classifiers at {project_dir}, commit {os.environ.get('CDISCOUNT_COMMIT') or 'unknown'}")
    print("\n".join(f"  {line}" for line in package_lines()))
    print("commands: airflow scheduler | dag-processor | triggerer | celery worker --queues default | api-server")
    print("tools:    SAMPLE=wine python -m tools.run, tools.champion, tools.predict, tools.verify, tools.clean_up")
    faults = unwritable(project_dir / name for name in WRITTEN)
    print("\n".join(faults) if faults else f"user {os.getuid()}, group {os.getgid()}: can write what a run writes")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
