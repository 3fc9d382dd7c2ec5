"""A model's recorded answers, given again in a fresh process, on the CPU: what the next user of the file will see.

`python -m cdiscount_tasks.runs.replay <model_dir> <evaluation_dir> <sample_dir>` writes the outcome as a line of JSON.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages.replay import Replayed, repeat_answers

logger = logging.getLogger(__name__)

TIME_LIMIT_S = 600.0
_REFUSED = "refused"


def replay(model_dir: Path, evaluation_dir: Path, sample_dir: Path) -> Replayed:
    """Let a fresh process load a model and repeat test predictions that its evaluation recorded.

    Args:
        model_dir: Finished model artifact.
        evaluation_dir: Finished evaluation artifact of this model.
        sample_dir: Finished sample artifact that it was evaluated on.

    Raises:
        DataError: If the model is damaged, cannot be loaded, is not the one that was evaluated, or answers differently.
        RuntimeError: If the process was killed or took too long: that says nothing about the model, and a retry may
            succeed.
    """
    command = [sys.executable, "-m", __name__, *map(str, (model_dir, evaluation_dir, sample_dir))]
    environ = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONUTF8": "1"}
    try:
        told = subprocess.run(
            command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(
            f"{model_dir}: its recorded answers were not repeated within {TIME_LIMIT_S:g} s; nothing was changed: try "
            "again when the machine has less to do"
        ) from error
    if told.returncode != 0:
        last = (told.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RuntimeError(
            f"{model_dir}: the process that repeats its recorded answers ended with status {told.returncode} ({last}); "
            "nothing was changed: try again"
        )
    outcome = json.loads(told.stdout.splitlines()[-1])
    if _REFUSED in outcome:
        raise DataError(outcome[_REFUSED])
    replayed = Replayed(**outcome)
    logger.info("%s: repeats %d recorded answers to %.1e", model_dir, replayed.num_images, replayed.max_difference)
    return replayed


def _main() -> None:
    try:
        outcome = repeat_answers(*map(Path, sys.argv[1:]))._asdict()
    except (ConfigError, DataError) as error:
        outcome = {_REFUSED: str(error)}
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    _main()
