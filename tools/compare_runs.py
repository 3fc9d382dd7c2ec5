"""`make compare-runs SAMPLE=wine RUNS="first second"`: two finished runs of a sample side by side, as a page."""

import os
import sys
from pathlib import Path

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.runs.two_runs import compare_two_runs
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import with_address
from tools.airflow.home import ToolError, check_writable
from tools.command import exit_status, say


def compare_runs() -> None:
    """Put the two runs that SAMPLE and RUNS name side by side, and print what came of it and where the page is."""
    sample_name, wanted = os.environ.get("SAMPLE", ""), os.environ.get("RUNS", "").split()
    if not sample_name or len(wanted) != 2:
        raise ToolError(
            f"SAMPLE is {sample_name!r} and RUNS names {len(wanted)} runs, expected a sample and two run ids or "
            'names of report folders; as in `make compare-runs SAMPLE=wine RUNS="manual__1 manual__2"`'
        )
    reports_dir = read_environment().reports_dir
    check_writable(reports_dir, "CDISCOUNT_REPORTS")
    result = compare_two_runs(reports_dir, sample_name, wanted)
    say(f"A and B: {result['title']}")
    say(result["answer"])
    say(f"    {with_address(Path(result['path']) / 'compare.html')}")


if __name__ == "__main__":
    sys.exit(exit_status(compare_runs))
