"""`make compare`: samples beside each other, one DAG run in this process, without a scheduler."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.comparison import open_comparison
from tools.command import exit_status, say
from tools.dag_process import run_dag
from tools.run_sample import read_conf

DAG_ID = "cdiscount_sample_comparison"


def tell_comparison(run_id: str) -> None:
    """Say what a comparison found, and where its page stands."""
    out_dir = open_comparison(run_id).out_dir
    say(json.loads((out_dir / "comparison.json").read_text(encoding="utf-8"))["answer"])
    say(f"    {out_dir / 'comparison.html'}")


def compare_samples() -> None:
    """Compare, and tell the answer."""
    conf = read_conf()
    tell_comparison(run_dag(DAG_ID, conf))


if __name__ == "__main__":
    sys.exit(exit_status(compare_samples))
