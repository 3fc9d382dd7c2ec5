"""`make compare`: samples beside each other, one DAG run in this process, without a scheduler."""

import contextlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cdiscount_tasks.comparison import choose_comparison, open_comparison
from cdiscount_tasks.comparison_config import settings_of
from tools.airflow_home import home_dir, throw_away_home
from tools.command import exit_status, say
from tools.conf import read_conf
from tools.run_sample import run_dag

DAG_ID = "cdiscount_sample_comparison"


def tell_comparison(run_id: str) -> None:
    """Say what a comparison found, and where its page stands."""
    out_dir = open_comparison(run_id).out_dir
    say(json.loads((out_dir / "comparison.json").read_text(encoding="utf-8"))["answer"])
    say(f"    {out_dir / 'comparison.html'}")


def compare_samples() -> None:
    """Compare, and tell the answer."""
    conf = read_conf()
    choose_comparison(**settings_of(conf))
    with throw_away_home(home_dir()) as (_, environ):
        os.environ.update(environ)
        run_id = run_dag(DAG_ID, conf)
    tell_comparison(run_id)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(exit_status(compare_samples))
