"""A run's note of where its training is: the folder's name has the model's key, which only the run's steps know.

Loads nothing heavy: Airflow's API server reads it.
"""

import re
from pathlib import Path

from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.training_folder import is_training
from cdiscount_tasks.errors import ConfigError, DataError

TRAINING_NOTE = "training.json"
_FOLDER = re.compile(r"model-[0-9a-f]+\.training")


def note_training(run_dir: Path, training_dir: Path) -> None:
    """Note which folder of the sample's artifacts the run's training has."""
    replace_file(run_dir / TRAINING_NOTE, lambda aside: write_json(aside, {"folder": training_dir.name}))


def noted_training(run_dir: Path) -> Path | None:
    """Return the folder of a run's training; None: none was noted, or it is over and gone.

    Args:
        run_dir: `samples/<sample>/runs/<run>`.
    """
    try:
        pull(run_dir / TRAINING_NOTE)
        folder = read_json(run_dir / TRAINING_NOTE).get("folder")
    except (ConfigError, DataError, OSError):
        return None
    if not isinstance(folder, str) or not _FOLDER.fullmatch(folder):
        return None
    training_dir = run_dir.parents[1] / folder
    return training_dir if is_training(training_dir) else None
