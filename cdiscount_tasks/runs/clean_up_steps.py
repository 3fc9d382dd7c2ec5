"""The steps of the clean-up's DAG: each logs what it found or did, and returns it in a line."""

import logging

from cdiscount_tasks.runs.clean_up import clean_up, plan_clean_up
from cdiscount_tasks.runs.clean_up_words import lines_of, lines_of_plan, summary_of, summary_of_plan
from cdiscount_tasks.runs.disk_forecast import note_disk
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.settings.environment import read_environment

logger = logging.getLogger(__name__)


def look(keep_runs: int | None) -> str:
    """Say what nothing needs, and note when the disk will be full.

    Args:
        keep_runs: How many finished runs of each sample are kept; None: as CDISCOUNT_KEEP_RUNS says.
    """
    environment = read_environment()
    bring_up_to_date(environment)
    plan = plan_clean_up(environment, keep_runs)
    for line in (*lines_of_plan(plan), note_disk(environment)):
        logger.info("%s", line)
    return summary_of_plan(plan)


def remove(keep_runs: int | None) -> str:
    """Remove what nothing needs, and note anew when the disk will be full.

    Args:
        keep_runs: As in `look`.
    """
    environment = read_environment()
    bring_up_to_date(environment)
    cleaned = clean_up(plan_clean_up(environment, keep_runs))
    for line in (*lines_of(cleaned)[1:], note_disk(environment)):
        logger.info("%s", line)
    return summary_of(cleaned)
