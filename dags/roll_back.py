"""The DAG `cdiscount_roll_back`: an earlier champion of a sample becomes the champion again.

Runs by hand alone. Before the champion changes, a fresh process loads the model's file and repeats recorded answers, as
at a promotion; the roll back is a line of the sample's history like any decision.
"""

from datetime import timedelta

from airflow.sdk import dag
from cdiscount_airflow import assets, champion_forms, docs, notifiers
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, stage_task

from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample_folder import sample_names

SAMPLES = sample_names(read_environment().samples_dir)


@stage_task(
    task_display_name="Roll back",
    retries=2,
    execution_timeout=timedelta(minutes=30),
    inlets=[assets.champion_of(name) for name in SAMPLES],  # so that Airflow knows the asset before its first event
    outlets=[assets.champion_changes(name) for name in SAMPLES],
)
def roll_back(params=None, dag_run=None, ti=None, outlet_events=None) -> str:
    """Make an earlier champion the champion again.

    **Reads** the sample's history, and the model of the decision that the form names.
    **Leaves** a line in the history, and an event of the champion's asset; without a decision it lists those that can
    be chosen, and changes nothing.
    **If it fails** because a model was removed or is damaged, choose another decision: the champion stays meanwhile.
    """
    from cdiscount_tasks.runs import deciding

    settings = champion_forms.roll_back_settings(params, dag_run.conf)
    if settings["decision"] is None:
        return deciding.champions_in_words(settings["sample"])
    who, again = dag_run.triggering_user_name or "Airflow", ti.try_number > 1
    entry = deciding.roll_back(
        settings["sample"], settings["decision"], who=who, reason=settings["reason"], tried_before=again
    )
    assets.publish_champion(outlet_events, settings["sample"], deciding.facts_of(entry))
    return deciding.told(entry)


@dag(
    dag_id="cdiscount_roll_back",
    dag_display_name="Cdiscount: roll back",
    description="Makes an earlier champion of a sample the champion again",
    schedule=None,
    params=champion_forms.roll_back_params(SAMPLES),
    default_args={
        **DEFAULT_ARGS,
        "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
    },
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.roll_back_page(read_environment()),
    tags=["cdiscount", "champion"],
)
def roll_back_champion() -> None:
    """One task."""
    roll_back()


roll_back_champion()
