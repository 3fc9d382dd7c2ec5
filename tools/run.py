"""`make run SAMPLE=wine PRESET=smoke CONF='{"epochs": 3}'`: one DAG run in this process, without a scheduler."""

import sys
from typing import Any

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.reports.headline import read_headline
from cdiscount_tasks.runs.categories import check_categories, select_categories
from cdiscount_tasks.runs.input_files import input_files
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import check_catalogue
from cdiscount_tasks.settings.environment import check_folders, read_environment
from cdiscount_tasks.settings.run import training_config
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tools.airflow.dag_process import run_dag
from tools.airflow.home import check_writable, home_dir
from tools.airflow.server import running_note
from tools.command import exit_status, say
from tools.conf import as_in_the_form, read_conf
from tools.demo import results
from tools.demo.catalogue import draw_if_needed
from tools.sample_name import sample_in_shell


def _check(name: str, conf: dict[str, Any]) -> None:
    """Refuse what the run's first task would refuse, in a sentence and before Airflow is started."""
    environment = read_environment()
    sample = read_sample(environment.samples_dir / f"{name}.yaml")
    knobs = {knob: value for knob, value in conf.items() if knob != "preset"}
    training_config(sample, conf.get("preset", sample.default_preset), knobs)
    check_folders(environment)
    check_writable(home_dir(), "AIRFLOW_HOME")
    check_writable(environment.data_dir, "CDISCOUNT_DATA")
    check_writable(environment.reports_dir, "CDISCOUNT_REPORTS")
    draw_if_needed(environment)
    check_catalogue(environment)
    input_files(sample, environment)
    names = read_category_names(environment.names_path)
    check_categories(sample, select_categories(sample, names), names, environment)


def tell_result(name: str, run_id: str) -> None:
    """Print a run's verdict, and where its report is."""
    run = open_run(name, run_id)
    headline = read_headline(run.report_dir)
    say(f"\n{headline['verdict'].capitalize()}. {DRAWN_WARNING if headline['drawn'] else ''}".rstrip())
    if note := running_note(home_dir()):
        say(f"In Airflow: http://127.0.0.1:{note.port}/plugin/evaluation-reports")
    for line in results.headline(run):
        say(line)


def run_sample() -> None:
    """Run one sample and print its result."""
    name, conf = sample_in_shell("make run SAMPLE=wine PRESET=smoke"), read_conf()
    _check(name, conf)
    tell_result(name, run_dag(f"cdiscount_{name}", as_in_the_form(conf)))


if __name__ == "__main__":
    sys.exit(exit_status(run_sample))
