"""The DAG `cdiscount_predictions`: a sample's champion at work on any catalogue, with or without categories.

Every product of the file comes back with a category, with an empty one where the promised precision cannot be kept, or
with the reason why it has no answer. `cdiscount_predictions_watch` starts it: on a new file, on a new champion.
"""

from datetime import timedelta

from airflow.sdk import chain, dag
from cdiscount_airflow import assets, champion_forms, docs, forms, notifiers
from cdiscount_airflow.links import link_report
from cdiscount_airflow.tasks.index import index_catalogue
from cdiscount_airflow.tasks.placing import gpu_place
from cdiscount_airflow.tasks.stage_task import (
    DEFAULT_ARGS,
    MAP_INDEX_NAME,
    name_map_index,
    skip_task,
    stage_task,
)
from cdiscount_airflow.tasks.trigger import trigger_each

from cdiscount_tasks.runs import summaries
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample_folder import sample_names

SAMPLES = sample_names(read_environment().samples_dir)


@stage_task(task_display_name="Resolve the predictions", freezes=True)
def resolve_predictions(params=None, dag_run=None, run_id=None) -> str:
    """Freeze which model is asked about which file.

    **Reads** the trigger form, the sample's YAML, the registry, and a sample of the file's blocks.
    **Leaves** `config.json` in the run's folder; a retry asks the same model about the same file.
    **If it fails**, a setting, the file or the model is wrong: the log says which. Trigger a new run once it is right.
    """
    from cdiscount_tasks.runs import prediction_steps

    return prediction_steps.resolve(run_id, champion_forms.predictions_settings(params, dag_run.conf))


@stage_task(summaries.of_ranges, task_display_name="Plan the answers", execution_timeout=timedelta(minutes=10))
def plan_answers(run_id=None) -> list:
    """Cut the indexed file into byte ranges.

    **Reads** the index.
    **Leaves** a list of ranges.
    **If it fails** because the file holds other pictures than the model learnt from, choose another model.
    """
    from cdiscount_tasks.runs import prediction_steps

    return prediction_steps.plan(run_id)


@stage_task(
    **gpu_place(),
    task_display_name="Answer a byte range",
    retries=3,
    execution_timeout=timedelta(days=1),
    map_index_template=MAP_INDEX_NAME,
)
def answer_range(byte_range: dict, run_id=None) -> str:
    """Ask the model about every product of a byte range.

    **Reads** the model and that part of the file, once.
    **Leaves** an artifact of its own, which a run that was killed finds again.
    **If it fails**, do what the log says, and clear the task: the ranges that are answered are not asked again.
    """
    from cdiscount_tasks.runs import prediction_steps

    name_map_index(summaries.byte_range(byte_range["start"], byte_range["stop"]))
    return prediction_steps.answer(run_id, {"start": byte_range["start"], "stop": byte_range["stop"]})


@stage_task(task_display_name="Join the answers", retries=2, execution_timeout=timedelta(hours=3))
def join_answers(run_id=None) -> str:
    """Join the answers; every document of the file is predicted or rejected.

    **Reads** the answers to all ranges, and the index.
    **Leaves** `predictions.parquet`, `rejected.parquet` and `submission.csv`.
    **If it fails** because a range is missing, clear the task *Answer a byte range*.
    """
    from cdiscount_tasks.runs import prediction_steps

    return prediction_steps.join(run_id)


@stage_task(task_display_name="Write the page", retries=2, execution_timeout=timedelta(hours=3))
def write_page(run_id=None) -> str:
    """Show what was answered, and how far it can be believed.

    **Reads** the predictions, the index, some products' pictures, and what the model learnt from.
    **Leaves** `predictions.html` and `summary.json` in the reports folder, with copies of the tables to take away.
    **If it fails**, clear the task: nothing before it runs again.
    """
    from cdiscount_tasks.runs import prediction_steps

    return prediction_steps.write_page(run_id)


@stage_task(
    lambda news: f"{len(news)} to be predicted",
    task_display_name="Notice new files and champions",
    execution_timeout=timedelta(minutes=10),
)
def notice_news(dag_run=None) -> list:
    """Look which samples' champions were not asked yet about the file that their YAML names.

    **Reads** the samples' YAML, their registries, and a sample of the files' blocks.
    **Leaves** the runs to start; skipped where there is none, and the log says why of each sample.
    **If it fails**, clear the task; it only compares.
    """
    forms.refuse_conf(dag_run.conf)
    from cdiscount_tasks.runs.prediction_news import find_news

    found = find_news(read_environment())
    if not found:
        skip_task("nothing new to predict: the log says why of each sample")
    return [{"trigger_run_id": news.run_id, "conf": news.conf} for news in found]


DEFAULTS = {
    **DEFAULT_ARGS,
    "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
}


@dag(
    dag_id="cdiscount_predictions",
    dag_display_name="Cdiscount: predictions",
    description="Names the category of every product of a file, with a sample's champion",
    schedule=None,
    params=champion_forms.predictions_params(SAMPLES, read_environment()),
    default_args=DEFAULTS,
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.predictions_page(read_environment()),
    tags=["cdiscount", "predictions"],
)
def predictions() -> None:
    """Freeze, index, answer range by range, join, show."""
    ranges, joined = plan_answers(), join_answers()
    chain(index_catalogue(resolve_predictions(), "predictions"), ranges)
    chain(answer_range.expand(byte_range=ranges), joined, link_report(write_page()))


@dag(
    dag_id="cdiscount_predictions_watch",
    dag_display_name="Cdiscount: predictions, watch",
    description="Starts predictions where a sample's YAML names a file that its champion was not asked about yet",
    schedule=assets.on_new_champions(SAMPLES),
    default_args=DEFAULTS,
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.predictions_watch_page(),
    tags=["cdiscount", "predictions"],
)
def watch() -> None:
    """Look, and start what is missing."""
    trigger_each(
        "cdiscount_predictions",
        notice_news(),
        task_id="start_predictions",
        task_display_name="Start predictions",
        doc_md=docs.START_PREDICTIONS,
    )


predictions()
watch()
