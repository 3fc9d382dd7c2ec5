"""The task that starts other runs: one for each of a list of run ids and confs."""

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator


def trigger_each(dag_id: str, wanted: Any, **options: Any) -> Any:
    """Return the mapped task that starts a run of a DAG for each item, unless that run exists.

    Args:
        dag_id: Whose runs.
        wanted: What a task returned: a list of `trigger_run_id` and `conf`.
        options: Those of a task.
    """
    started = TriggerDagRunOperator.partial(trigger_dag_id=dag_id, skip_when_already_exists=True, **options)
    return started.expand_kwargs(wanted)
