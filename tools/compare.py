"""`make compare`: samples beside each other, one DAG run in this process, without a scheduler."""

import json
import sys
from typing import Any

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.runs.comparable import choose_comparison
from cdiscount_tasks.runs.comparison import open_comparison
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.settings.comparison import settings_of
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import with_address
from tools.airflow.dag_process import run_dag
from tools.airflow.home import check_writable, home_dir
from tools.command import exit_status, say
from tools.conf import read_conf

DAG_ID = "cdiscount_sample_comparison"


def say_comparison(run_id: str) -> None:
    """Say what a comparison found, and where its page is."""
    out_dir = open_comparison(run_id).out_dir
    say(json.loads((out_dir / "comparison.json").read_text(encoding="utf-8"))["answer"])
    say(f"    {with_address(out_dir / 'comparison.html')}")


def _check(conf: dict[str, Any]) -> None:
    """Refuse what the run's first task would refuse, in a sentence and before Airflow is started."""
    environment = read_environment()
    bring_up_to_date(environment)
    choose_comparison(**settings_of(conf))
    check_writable(home_dir(), "AIRFLOW_HOME")
    check_writable(environment.data_dir, "CDISCOUNT_DATA")
    check_writable(environment.reports_dir, "CDISCOUNT_REPORTS")


def compare_samples() -> None:
    """Compare, and print the answer."""
    conf = read_conf()
    _check(conf)
    say_comparison(run_dag(DAG_ID, conf))


if __name__ == "__main__":
    sys.exit(exit_status(compare_samples))
