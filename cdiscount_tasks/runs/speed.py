"""How fast a new model answers beside the champion, measured in a fresh process on the CPU, which holds no GPU's slot.

`python -m cdiscount_tasks.runs.speed <challenger's model_dir> <champion's model_dir>` writes it as a line of JSON.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages.inputs import Speeds
from cdiscount_tasks.stages.speed import measure_speeds

logger = logging.getLogger(__name__)

TIME_LIMIT_S = 600.0
_REFUSED = "refused"


def compare_speeds(challenger_dir: Path, champion_dir: Path) -> Speeds | None:
    """Let a fresh process load both models and time them in turn; None: one of them cannot be loaded.

    Args:
        challenger_dir: Finished model artifact.
        champion_dir: Finished model artifact.

    Raises:
        RuntimeError: If the process was killed or took too long: that says nothing about the models, and a retry may
            succeed.
    """
    command = [sys.executable, "-m", __name__, str(challenger_dir), str(champion_dir)]
    environ = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONUTF8": "1"}
    try:
        told = subprocess.run(
            command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(
            f"{challenger_dir}: its speed was not measured within {TIME_LIMIT_S:g} s: try again when the machine has "
            "less to do, or take least_speed out of the gates"
        ) from error
    if told.returncode != 0:
        last = (told.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RuntimeError(
            f"{challenger_dir}: the process that measures its speed ended with status {told.returncode} ({last}): try "
            "again"
        )
    outcome = json.loads(told.stdout.splitlines()[-1])
    if _REFUSED in outcome:
        logger.warning("the speed is not known: %s", outcome[_REFUSED])
        return None
    speeds = Speeds(**outcome)
    logger.info("%.1f images/s, the champion %.1f (%s)", speeds.challenger, speeds.champion, speeds.device)
    return speeds


def _main() -> None:
    try:
        outcome = measure_speeds(*map(Path, sys.argv[1:]))._asdict()
    except (ConfigError, DataError) as error:
        outcome = {_REFUSED: str(error)}
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    _main()
