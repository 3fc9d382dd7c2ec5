"""What a run was made with, for its lineage: the project's commit, and the versions of packages."""

import subprocess

from cdiscount_tasks.artifacts.recipe import versions
from cdiscount_tasks.machine.device import backend_packages
from cdiscount_tasks.settings.environment import PROJECT_DIR, Environment

_LIBRARIES = (
    "numpy",
    "pandas",
    "pillow",
    "imagehash",
    "pyarrow",
    "scikit-learn",
    "apache-airflow",
)


def code_version(environment: Environment) -> str:
    """Return the commit that runs, with a mark if files differ from it.

    Where there is no git, as in an image, CDISCOUNT_COMMIT says it; without both it is 'unknown'.
    """
    command = ["git", "-C", str(PROJECT_DIR), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return environment.commit or "unknown"


def frozen_versions(environment: Environment) -> dict[str, str]:
    """Return the versions that a run begins with: `code`, Keras and its backend, and what else decides results.

    Raises:
        ConfigError: If KERAS_BACKEND names none that can be had.
    """
    return {"code": code_version(environment), **versions(*backend_packages(), *_LIBRARIES)}
