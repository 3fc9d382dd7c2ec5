"""The DAG `cdiscount_catalogue`: notices a new or changed catalogue, indexes it, writes its page, says so.

Every hour it looks at the catalogue for a moment, and skips with the reason when there is nothing to do.
It alone publishes the asset that sample DAGs with `schedule.on_new_index` wait for.
"""

from datetime import timedelta

from airflow.sdk import chain, dag
from cdiscount_airflow import assets, docs, forms, notifiers
from cdiscount_airflow.links import link_report, note_page
from cdiscount_airflow.tasks.index import index_catalogue
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, is_scheduled, skip_task, stage_task

from cdiscount_tasks.settings.environment import read_environment


@stage_task(
    task_display_name="Notice the catalogue",
    execution_timeout=timedelta(minutes=5),
    inlets=[assets.CATALOGUE_INDEX],
)
def notice_catalogue(dag_run=None, inlet_events=None) -> str:
    """Look whether there is anything to do; a manual run always continues.

    **Reads** the catalogue's size and time and a sample of its blocks, the names CSV and the samples' YAML.
    **Leaves** nothing; a scheduled run is skipped, with the reason, if index and page stand and are published.
    **If it fails**, a setting is wrong: the log says which, and what to do.
    """
    forms.refuse_conf(dag_run.conf)
    from cdiscount_tasks.runs import catalogue_steps
    from cdiscount_tasks.runs.catalogue import reason_to_wait

    if is_scheduled(dag_run):
        if reason := reason_to_wait(read_environment()):
            skip_task(reason)
        shown = catalogue_steps.finished_page()
        if shown and assets.is_published(inlet_events, shown.catalogue_id):
            skip_task(f"nothing changed: {shown.page_dir} shows it; trigger a run to write the page anew")
    return catalogue_steps.name_catalogue()


@stage_task(task_display_name="Write the catalogue's page")
def write_catalogue_page() -> str:
    """Show what the catalogue holds.

    **Reads** the index, its profile, some products' pictures, the names CSV and the samples' YAML.
    **Leaves** `catalogue.html`, `categories.csv` and `profile.json` in the reports folder, linked from its index.
    **If it fails** because the catalogue changed meanwhile, trigger a new run.
    """
    from cdiscount_tasks.runs import catalogue_steps

    note_page(catalogue_steps.index_facts()["catalogue_id"])
    return catalogue_steps.write_page()


@stage_task(
    task_display_name="Publish the index",
    execution_timeout=timedelta(minutes=5),
    inlets=[assets.CATALOGUE_INDEX],
    outlets=[assets.CATALOGUE_INDEX],
)
def publish_index(inlet_events=None, outlet_events=None) -> None:
    """Tell the DAGs that wait for a new catalogue.

    **Reads** which catalogue was published last.
    **Leaves** an event of the asset with catalogue_id and counts; skipped if the content is the same as before.
    **If it fails**, clear the task.
    """
    from cdiscount_tasks.runs import catalogue_steps

    index = catalogue_steps.index_facts()
    if assets.is_published(inlet_events, index["catalogue_id"]):
        skip_task(f"catalogue {index['catalogue_id']} is published already: its content did not change")
    assets.publish(outlet_events, index)


@dag(
    dag_id="cdiscount_catalogue",
    dag_display_name="Cdiscount: the catalogue",
    description="Notices a new catalogue, indexes it, and shows what it holds",
    schedule=assets.every_hour(),
    default_args={
        **DEFAULT_ARGS,
        "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
    },
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.catalogue_page(read_environment()),
    tags=["cdiscount", "catalogue"],
)
def catalogue_dag() -> None:
    """Notice, index, show, publish."""
    indexed = index_catalogue(notice_catalogue())
    chain(indexed, link_report(write_catalogue_page()), publish_index())


catalogue_dag()
