"""The DAG `cdiscount_clean_up`: removes what of the data folder nothing needs; says it first.

Every Sunday it looks, says what it found, and removes it. A run that is triggered by hand only says it, unless its form
wants more. What is kept and why: docs/using.md.
"""

from datetime import timedelta

from airflow.sdk import chain, dag
from cdiscount_airflow import assets, docs, forms, notifiers
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, is_scheduled, skip_task, stage_task

from cdiscount_tasks.settings.environment import read_environment


@stage_task(task_display_name="Say what nothing needs", execution_timeout=timedelta(hours=1))
def say_what_nothing_needs(params=None, dag_run=None) -> str:
    """Look through the data folder, and say what would be removed, what stays, and why.

    **Reads** the histories of champions, what runs and reports name, and the sizes of all artifacts.
    **Leaves** a note of when the disk will be full, of which the index of reports warns; the log has all sizes.
    **If it fails** because a history is damaged, restore it from a backup: until then nothing is removed.
    """
    from cdiscount_tasks.runs import clean_up_steps

    settings = forms.clean_up_settings(params, dag_run.conf)
    return clean_up_steps.look(settings["keep_runs"])


@stage_task(task_display_name="Remove it", execution_timeout=timedelta(hours=3))
def remove_it(params=None, dag_run=None) -> str:
    """Remove what nothing needs; reports stay, and so does everything beside a run that is going.

    **Reads** the same as the task before, once more: what has come to be needed meanwhile stays.
    **Leaves** less data; skipped where the form wants nothing to be removed.
    **If it fails**, clear the task: every artifact is whole, or has lost its name.
    """
    from cdiscount_tasks.runs import clean_up_steps

    settings = forms.clean_up_settings(params, dag_run.conf)
    if settings["dry_run"] and not is_scheduled(dag_run):
        skip_task(
            "nothing was removed: to remove what the task before says, trigger a run with Only say it switched off"
        )
    return clean_up_steps.remove(settings["keep_runs"])


@stage_task(task_display_name="Remove Airflow's old rows and logs", execution_timeout=timedelta(hours=1))
def remove_old_rows(params=None, dag_run=None) -> str:
    """Remove Airflow's own rows and logs past an age, where the form gives one.

    **Reads** the age in days.
    **Leaves** fewer rows in Airflow's database, by `airflow db clean`, and fewer log files; skipped without an age.
    **If it fails** because the database cannot be reached from a task, run the command that the log names.
    """
    from cdiscount_airflow import old_rows

    settings = forms.clean_up_settings(params, dag_run.conf)
    days, only_say = settings["airflow_rows_days"], settings["dry_run"] and not is_scheduled(dag_run)
    if days is None:
        skip_task("Airflow's own rows and logs stay: the form gives no age past which they are removed")
    return f"{old_rows.remove_old_rows(days, dry_run=only_say)}; {old_rows.remove_old_logs(days, dry_run=only_say)}"


@dag(
    dag_id="cdiscount_clean_up",
    dag_display_name="Cdiscount: clean-up",
    description="Says what of the data folder nothing needs, and removes it",
    schedule=assets.every_week(),
    params=forms.clean_up_params(read_environment()),
    default_args={
        **DEFAULT_ARGS,
        "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
    },
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.clean_up_page(read_environment()),
    tags=["cdiscount", "clean-up"],
)
def clean_up() -> None:
    """Say, remove, and remove of Airflow's own."""
    said = say_what_nothing_needs()
    chain(said, [remove_it(), remove_old_rows()])


clean_up()
