"""`make predict SAMPLE=wine CATALOGUE=test.bson`: the champion's answers to a file, one DAG run in this process."""

import os
import sys
from pathlib import Path
from typing import Any

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.artifacts.byte_ranges import place_of
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.runs.predictions import check_predicted_file, given_catalogue, open_predictions, read_params
from cdiscount_tasks.runs.summaries import of_predictions, of_predictions_page
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.tables.predicted import PREDICTED_PRODUCTS, REJECTED, SUBMISSION
from tools.airflow.dag_process import run_dag
from tools.airflow.home import check_writable, home_dir
from tools.command import exit_status, say
from tools.sample_name import sample_in_shell

DAG_ID = "cdiscount_predictions"
_VARIABLES = {"CATALOGUE": "catalogue", "MODEL": "model", "PRECISION": "precision", "ALLOW_DRAWN": "allow_drawn"}


def _params() -> dict[str, Any]:
    """Return what the variables set, as the form takes it."""
    sample = sample_in_shell("make predict SAMPLE=wine CATALOGUE=test.bson")
    given = {name: os.environ[variable] for variable, name in _VARIABLES.items() if os.environ.get(variable)}
    if given.get("catalogue"):
        given["catalogue"] = str(given_catalogue(given["catalogue"], Path()))
    return {"sample": sample, **given}


def _check(given: dict[str, Any]) -> None:
    """Refuse what the run's first task would refuse, in a sentence and before Airflow is started."""
    environment = read_environment()
    params = read_params(given)
    check_predicted_file(place_of(params.catalogue) if params.catalogue else environment.catalogue_path)
    check_writable(home_dir(), "AIRFLOW_HOME")
    check_writable(environment.data_dir, "CDISCOUNT_DATA")
    check_writable(environment.reports_dir, "CDISCOUNT_REPORTS")


def say_predictions(run_id: str) -> None:
    """Say what came of a run, and where it is."""
    run = open_predictions(run_id)
    results = run.recorded()
    say("")
    say(f"{run.config.title}: {of_predictions(results['predictions'])}")
    say(of_predictions_page({**read_manifest(run.out_dir)["result"]}))
    for name in ("predictions.html", PREDICTED_PRODUCTS, REJECTED, SUBMISSION):
        say(f"    {run.out_dir / name}")


def predict() -> None:
    """Predict, and print the result."""
    given = _params()
    _check(given)
    say_predictions(run_dag(DAG_ID, given))


if __name__ == "__main__":
    sys.exit(exit_status(predict))
