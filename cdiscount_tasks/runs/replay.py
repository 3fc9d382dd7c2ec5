"""A model's recorded answers, given again in a fresh process, on the CPU: what the next user of the file will see.

`python -m cdiscount_tasks.runs.replay <model_dir> <evaluation_dir> <sample_dir>` writes the outcome as a line of JSON.
"""

import logging
from pathlib import Path

from cdiscount_tasks.runs.fresh_process import answer_in_json, ask_fresh_process
from cdiscount_tasks.stages.replay import Replayed, repeat_answers

logger = logging.getLogger(__name__)

TIME_LIMIT_S = 600.0


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
    outcome = ask_fresh_process(
        __name__,
        (model_dir, evaluation_dir, sample_dir),
        TIME_LIMIT_S,
        late=f"{model_dir}: its recorded answers were not repeated within {TIME_LIMIT_S:g} s; nothing was changed: try "
        "again when the machine has less to do",
        ended=f"{model_dir}: the process that repeats its recorded answers {{why}}; nothing was changed: try again",
    )
    replayed = Replayed(**outcome)
    logger.info("%s: repeats %d recorded answers to %.1e", model_dir, replayed.num_images, replayed.max_difference)
    return replayed


if __name__ == "__main__":
    answer_in_json(repeat_answers)
