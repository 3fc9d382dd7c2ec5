"""`make run SAMPLE=wine PRESET=smoke CONF='{"epochs": 3}'`: one DAG run in this process, without a scheduler."""

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cdiscount_tasks.config import read_sample, training_config
from cdiscount_tasks.environment import check_folders, read_environment
from cdiscount_tasks.run import open_run
from cdiscount_tasks.run_start import check_catalogue, check_categories, input_files, select_categories
from cdiscount_tasks.sample_folder import sample_names, sample_paths
from cdiscount_tasks.storage.category_names import read_category_names
from tools import demo_results
from tools.airflow_home import PROJECT_DIR, ToolError, home_dir, throw_away_home
from tools.command import exit_status, say
from tools.conf import as_in_the_form, read_conf
from tools.demo_catalogue import draw_if_needed


def _sample_name() -> str:
    folder = read_environment().samples_dir
    names = sample_names(folder)
    name = os.environ.get("SAMPLE", "")
    if name not in names:
        for path in sample_paths(folder):
            if path.name.split(".")[0] == name:
                read_sample(path)  # says what is wrong with its name
        known = ", ".join(names) or f"none stands in {folder}"
        raise ToolError(f"SAMPLE is {name!r}, expected one of: {known}; as in `make run SAMPLE=wine PRESET=smoke`")
    return name


def _check(name: str, conf: dict[str, Any]) -> None:
    """Refuse what the run's first task would refuse, in a sentence and before Airflow is started."""
    environment = read_environment()
    sample = read_sample(environment.samples_dir / f"{name}.yaml")
    knobs = {knob: value for knob, value in conf.items() if knob != "preset"}
    training_config(sample, conf.get("preset", sample.default_preset), knobs)
    check_folders(environment)
    draw_if_needed(environment)
    check_catalogue(environment)
    input_files(sample, environment)
    names = read_category_names(environment.names_path)
    check_categories(sample, select_categories(sample, names), names, environment)


def _first_line(context: Any) -> str:
    """Return what made a task fail: Airflow's refusals of a param go on with the whole schema."""
    return str(context.get("exception")).strip().splitlines()[0]


def _say_task(context: Any) -> None:
    """Head a task's lines with its name."""
    name = context["task"].task_display_name
    say(f"\n{name}" if context["ti"].map_index < 0 else f"\n{name} ({context['ti'].map_index + 1})")


def run_dag(dag_id: str, conf: dict[str, Any]) -> str:
    """Run a DAG in this process and return the run's id.

    Raises:
        ToolError: If it failed, with the first sentence of what went wrong.
    """
    # Of Airflow's own lines a terminal shows warnings alone; some of its loggers are structlog's, some Python's.
    os.environ["AIRFLOW__LOGGING__NAMESPACE_LEVELS"] = (
        "airflow=WARNING airflow.sdk.definitions.dag=ERROR task=WARNING py.warnings=ERROR"
    )
    # After the environment is set: Airflow reads its settings when it is imported.
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415

    logging.getLogger("airflow").setLevel(logging.WARNING)

    bag = DagBag(PROJECT_DIR / "dags")
    if dag_id not in bag.dags:
        raise ToolError("\n".join([f"no DAG {dag_id}", *bag.import_errors.values()]))
    reasons: list[str] = []
    faults: list[Any] = []

    def note(context: Any) -> None:
        reasons.append(_first_line(context))
        faults.append(context.get("exception"))

    for task in bag.dags[dag_id].tasks:
        task.on_execute_callback = [_say_task]
        task.on_failure_callback = [note]
        # Airflow takes Ctrl-C for a fault of the task, and would begin a training anew at once.
        of_mapped = getattr(task, "partial_kwargs", None)
        if of_mapped is None:
            task.retries = 0
        else:
            of_mapped["retries"] = 0
    run = bag.dags[dag_id].test(run_conf=conf)
    if any(isinstance(fault, KeyboardInterrupt) for fault in faults):
        raise KeyboardInterrupt
    if run.state != "success":
        raise ToolError("; ".join(reasons) or f"the run {run.run_id} failed; the error is above")
    return str(run.run_id)


def run_sample() -> None:
    """Run one sample and tell what it is worth."""
    name, conf = _sample_name(), read_conf()
    _check(name, conf)
    with throw_away_home(home_dir()) as (_, environ):
        os.environ.update(environ)
        run_id = run_dag(f"cdiscount_{name}", as_in_the_form(conf))
    for line in demo_results.headline(open_run(name, run_id)):
        say(line)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(exit_status(run_sample))
