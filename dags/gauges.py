"""The DAG `cdiscount_gauges`: what no run says by itself, since it is about runs that did not come.

Every hour it sets, in Airflow's own metrics, the days since each sample's newest report, and what is free on the disks.
Where they go, and what to be woken by: docs/watching.md.
"""

from datetime import timedelta

from airflow.sdk import dag
from cdiscount_airflow import assets, docs, gauges, notifiers
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, stage_task

from cdiscount_tasks.settings.environment import read_environment


@stage_task(task_display_name="Set the gauges", execution_timeout=timedelta(minutes=10))
def set_gauges_of_now() -> str:
    """Say how old each sample's newest report is, and how much of the disks is free.

    **Reads** the manifests of the reports, and the disks of data and reports.
    **Leaves** gauges in Airflow's metrics; where these are off, its log alone.
    **If it fails**, the next hour tries again.
    """
    from cdiscount_tasks.runs.gauges import gauges_of_now, in_words

    found = gauges_of_now()
    gauges.set_gauges(lambda: found)
    return "; ".join(in_words(found))


@dag(
    dag_id="cdiscount_gauges",
    dag_display_name="Cdiscount: gauges",
    description="Says every hour how old each sample's newest report is, and how much of the disks is free",
    schedule=assets.every_hour_for_gauges(),
    default_args={
        **DEFAULT_ARGS,
        "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
    },
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.gauges_page(read_environment()),
    tags=["cdiscount", "gauges"],
)
def watched_from_outside() -> None:
    """One task."""
    set_gauges_of_now()


watched_from_outside()
