"""The steps of a predictions run: answers range by range, joined, and their page.

Each takes the run's id, notes what it made beside the run's config, and returns it in a line. Stages are imported
inside: their libraries take seconds.
"""

from typing import Any

from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.machine.gpus import check_gpus
from cdiscount_tasks.pages.parts.words import percent
from cdiscount_tasks.runs import summaries
from cdiscount_tasks.runs.predictions import Predictions, open_predictions, start_predictions
from cdiscount_tasks.runs.workers import check_reports


def resolve(run_id: str, given: dict[str, Any]) -> str:
    """Freeze what a run makes, and return it in a line."""
    config = start_predictions(run_id, given).config
    asked = config.asked
    who = f"the champion (decision {asked.decision})" if asked.decision else "the model"
    promise = (
        "every product" if config.target_precision is None else f"at {percent(config.target_precision, 0)} precision"
    )
    return f"{config.catalogue_path}: {who} of {config.sample}, run {asked.run_id}, answers {promise}"


def _open(run_id: str, *, by_network: bool = False) -> Predictions:
    """Open a predictions run for a task that works on it."""
    run = open_predictions(run_id)
    run.check_worker(by_network=by_network)
    if by_network:
        check_gpus(1, run.environment.gpus)
    return run


def plan(run_id: str) -> list[ByteRange]:
    """Cut the indexed file into byte ranges."""
    from cdiscount_tasks.stages.predictions import plan_answers

    run = _open(run_id)
    run.check_kind()
    return plan_answers(run.folders()["index"], run.catalogue_path)


def answer(run_id: str, byte_range: ByteRange) -> str:
    """Ask the model about the products of a range."""
    from cdiscount_tasks.stages.predictions import answer_range

    run = _open(run_id, by_network=True)
    made = answer_range(run.folders()["index"], run.catalogue_path, byte_range, run.model, run.artifacts_dir)
    return summaries.of_answers(run.record(f"answers-{byte_range['start']}", made))  # kept by the clean-up


def join(run_id: str) -> str:
    """Join the answers: every document of the file is predicted or rejected."""
    from cdiscount_tasks.stages.predictions import join_answers

    run = _open(run_id)
    index_dir, target = run.folders()["index"], run.config.target_precision
    made = join_answers(index_dir, run.catalogue_path, run.model, run.artifacts_dir, target)
    return summaries.of_predictions(run.record("predictions", made))


def write_page(run_id: str) -> str:
    """Write the page, and list it in the index of reports."""
    from cdiscount_tasks.reports.overview import write_reports_index
    from cdiscount_tasks.stages.predictions_page import write_predictions_page

    run = _open(run_id)
    check_reports(run.config.began_on, run.environment)
    at, names_path = run.folders(), run.environment.names_path
    written = write_predictions_page(
        at["index"], run.catalogue_path, at["predictions"], run.model, names_path, run.out_dir, run.facts
    )
    write_reports_index(run.environment.reports_dir)
    return summaries.of_predictions_page(written)
