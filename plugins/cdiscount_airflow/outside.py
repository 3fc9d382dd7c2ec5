"""What whoever watches from outside is told when a step of a run has ended: its figures, and what it was made from."""

from cdiscount_airflow.gauges import set_gauges
from cdiscount_airflow.lineage import emit_lineage


def tell_outside(step: str, sample_name: str, run_id: str) -> None:
    """Set the gauges of a step, and send its lineage; neither can end the task.

    Args:
        step: Its name, in `cdiscount_tasks.runs.steps`.
        sample_name: Of the run.
        run_id: Airflow's.
    """
    from cdiscount_tasks.runs.gauges import gauges_of_step  # noqa: PLC0415
    from cdiscount_tasks.runs.made_from import made_from  # noqa: PLC0415

    set_gauges(lambda: gauges_of_step(step, sample_name, run_id))
    emit_lineage(lambda: made_from(step, sample_name, run_id))
