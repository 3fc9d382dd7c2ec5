"""`make clean-up`: what of the data folder nothing needs, with sizes; `REMOVE=1` removes it."""

import os
import sys

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.runs.clean_up import clean_up, plan_clean_up
from cdiscount_tasks.runs.clean_up_words import lines_of, lines_of_plan
from cdiscount_tasks.runs.disk_forecast import note_disk
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.settings.environment import read_environment
from tools.airflow.home import ToolError
from tools.command import exit_status, say


def _wants_removal() -> bool:
    wanted = os.environ.get("REMOVE", "")
    if wanted not in ("", "0", "1"):
        raise ToolError(f"REMOVE is {wanted!r}, expected 1 to remove, as in `make clean-up REMOVE=1`")
    return wanted == "1"


def main() -> int:
    """Say what nothing needs, and remove it where REMOVE is 1; returns the exit status: 1 where something was left."""
    removes, environment = _wants_removal(), read_environment()
    bring_up_to_date(environment)
    plan = plan_clean_up(environment)
    for line in lines_of_plan(plan):
        say(line)
    status = 0
    if removes:
        cleaned = clean_up(plan)
        for line in lines_of(cleaned):
            say(line)
        status = 1 if cleaned.left else 0
    say(note_disk(environment))
    if plan.removed and not removes:
        say("Nothing was removed. To remove it: make clean-up REMOVE=1")
    return status


if __name__ == "__main__":
    sys.exit(exit_status(main))
