"""The DAG `cdiscount_catalogue`: notices a new or changed catalogue, indexes it, writes its page, says so.

Every hour it looks at the catalogue for a moment, and skips with the reason when there is nothing to do.
It alone publishes the asset that sample DAGs with `schedule.on_new_index` wait for.
"""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag
from cdiscount_airflow import assets, docs, forms, notifiers
from cdiscount_airflow.links import link_report
from cdiscount_airflow.tasks.index import index_catalogue
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, is_scheduled, skip_task, stage_task

from cdiscount_tasks.runs import summaries
from cdiscount_tasks.settings.environment import read_environment


def open_catalogue_of(_run_id):
    """Return the catalogue as it is now: a run of this DAG has no settings of its own."""
    from cdiscount_tasks.runs.catalogue import open_catalogue

    return open_catalogue()


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

    @stage_task(
        task_display_name="Notice the catalogue",
        execution_timeout=timedelta(minutes=5),
        inlets=[assets.CATALOGUE_INDEX],
    )
    def notice_catalogue(dag_run=None, inlet_events=None) -> dict:
        """Look whether there is anything to do; a manual run always goes on.

        **Reads** the catalogue's size and time and a sample of its blocks, the names CSV and the samples' YAML.
        **Leaves** nothing; a scheduled run is skipped, with the reason, if index and page stand and are published.
        **If it fails**, a setting is wrong: the log says which, and what to do.
        """
        forms.refuse_conf(dag_run.conf)
        from cdiscount_tasks.runs.catalogue import open_catalogue, reason_to_wait
        from cdiscount_tasks.stages import catalogue_page, index

        reason = reason_to_wait(read_environment())
        if reason and is_scheduled(dag_run):
            skip_task(reason)
        catalogue = open_catalogue()
        place = catalogue.catalogue_path, catalogue.index_parent_dir
        if is_scheduled(dag_run) and not index.plan_ranges(*place):
            standing = index.merge_index(*place, catalogue.max_rejected_share)
            page_dir = catalogue.page_dir(standing["catalogue_id"])
            inputs = Path(standing["path"]), catalogue.names_path, catalogue.samples()
            if assets.is_published(inlet_events, standing["catalogue_id"]) and catalogue_page.page_stands(
                *inputs, page_dir
            ):
                skip_task(f"nothing changed: {page_dir} shows {place[0]}; trigger a run to write it anew")
        return {"catalogue_path": str(catalogue.catalogue_path), "fingerprint": catalogue.fingerprint}

    @stage_task(summaries.of_catalogue_page, task_display_name="Write the catalogue's page")
    def write_catalogue_page(index_dir: str, catalogue_id: str) -> dict:
        """Show what the catalogue holds.

        **Reads** the index, its profile, some products' pictures, the names CSV and the samples' YAML.
        **Leaves** `catalogue.html`, `categories.csv` and `profile.json` in the reports folder, linked from its index.
        **If it fails** because the catalogue changed meanwhile, trigger a new run.
        """
        from cdiscount_tasks.runs.catalogue import open_catalogue
        from cdiscount_tasks.stages import catalogue_page

        catalogue = open_catalogue()
        return catalogue_page.write_catalogue_page(
            Path(index_dir),
            catalogue.catalogue_path,
            catalogue.names_path,
            catalogue.samples(),
            catalogue.page_dir(catalogue_id),
        )

    @stage_task(
        task_display_name="Publish the index",
        execution_timeout=timedelta(minutes=5),
        inlets=[assets.CATALOGUE_INDEX],
        outlets=[assets.CATALOGUE_INDEX],
    )
    def publish_index(merged: dict, page: dict, inlet_events=None, outlet_events=None) -> None:
        """Tell the DAGs that wait for a new catalogue.

        **Reads** which catalogue was published last.
        **Leaves** an event of the asset with catalogue_id and counts; skipped if the content is the same as before.
        **If it fails**, clear the task.
        """
        if assets.is_published(inlet_events, merged["catalogue_id"]):
            skip_task(f"catalogue {merged['catalogue_id']} is published already: its content did not change")
        assets.publish(outlet_events, merged, page)

    merged = index_catalogue(notice_catalogue(), open_catalogue_of)
    page = link_report(write_catalogue_page(merged["path"], merged["catalogue_id"]))
    publish_index(merged, page)


catalogue_dag()
