"""How fast a new model answers beside the champion, measured in a fresh process on the CPU, which holds no GPU's slot.

`python -m cdiscount_tasks.runs.speed <challenger's model_dir> <champion's model_dir>` writes it as a line of JSON.
"""

import logging
from pathlib import Path

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.fresh_process import answer_in_json, ask_fresh_process
from cdiscount_tasks.stages.inputs import Speeds
from cdiscount_tasks.stages.speed import measure_speeds

logger = logging.getLogger(__name__)

TIME_LIMIT_S = 600.0


def compare_speeds(challenger_dir: Path, champion_dir: Path) -> Speeds | None:
    """Let a fresh process load both models and time them in turn; None: one of them cannot be loaded.

    Args:
        challenger_dir: Finished model artifact.
        champion_dir: Finished model artifact.

    Raises:
        RuntimeError: If the process was killed or took too long: that says nothing about the models, and a retry may
            succeed.
    """
    try:
        outcome = ask_fresh_process(
            __name__,
            (challenger_dir, champion_dir),
            TIME_LIMIT_S,
            late=f"{challenger_dir}: its speed was not measured within {TIME_LIMIT_S:g} s: try again when the machine "
            "has less to do, or take least_speed out of the gates",
            ended=f"{challenger_dir}: the process that measures its speed {{why}}: try again",
        )
    except DataError as error:
        logger.warning("the speed is not known: %s", error)
        return None
    speeds = Speeds(**outcome)
    logger.info("%.1f images/s, the champion %.1f (%s)", speeds.challenger, speeds.champion, speeds.device)
    return speeds


if __name__ == "__main__":
    answer_in_json(measure_speeds)
