"""The tasks that index the catalogue, the same in every DAG that needs an index.

Each takes the sample whose run it is; None: no sample's, the catalogue is indexed as it is now.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import TriggerRule, chain, task_group
from cdiscount_airflow.outside import tell_outside
from cdiscount_airflow.tasks.stage_task import MAP_INDEX_NAME, name_map_index, stage_task

from cdiscount_tasks.runs import summaries


@stage_task(summaries.of_ranges, task_display_name="Plan byte ranges", execution_timeout=timedelta(minutes=10))
def plan_ranges(sample_name: str | None, run_id: Any = None) -> list:  # type: ignore[type-arg]
    """Cut the catalogue into byte ranges.

    **Reads** the catalogue's size and a sample of its blocks.
    **Leaves** a list of ranges, empty if the catalogue is indexed already.
    **If it fails**, compare the catalogue with its source: the log names the byte.
    """
    from cdiscount_tasks.runs import index_steps  # noqa: PLC0415

    return index_steps.plan(sample_name, run_id)


@stage_task(
    task_display_name="Scan a byte range",
    retries=3,
    execution_timeout=timedelta(hours=3),
    map_index_template=MAP_INDEX_NAME,
)
def scan_range(sample_name: str | None, byte_range: dict, run_id: Any = None) -> str:  # type: ignore[type-arg]
    """Find the documents and pictures of one byte range.

    **Reads** that part of the catalogue, once.
    **Leaves** an artifact of its own, which a killed scan finds again.
    **If it fails**, do what the log says, and clear the task: the ranges that exist are not scanned again. It ends at
    once where more is rejected than `CDISCOUNT_MAX_REJECTED_SHARE` allows; a sample's run keeps the share that it began
    with, so that a larger one needs a new run.
    """
    from cdiscount_tasks.runs import index_steps  # noqa: PLC0415

    name_map_index(summaries.byte_range(byte_range["start"], byte_range["stop"]))
    return index_steps.scan(sample_name, run_id, {"start": byte_range["start"], "stop": byte_range["stop"]})


# No range to scan (the index exists) skips scan_range; this task must run all the same.
@stage_task(task_display_name="Merge the index", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def merge_index(sample_name: str | None, run_id: Any = None) -> str:
    """Join the scanned ranges into the catalogue's index.

    **Reads** the artifacts of all ranges.
    **Leaves** `images.parquet`, `products.parquet`, `rejected.parquet` and `profile.json`.
    **If it fails** because too many documents were rejected, look at why in the log. To allow more, set
    `CDISCOUNT_MAX_REJECTED_SHARE` and trigger a new run.
    """
    from cdiscount_tasks.runs import index_steps  # noqa: PLC0415
    from cdiscount_tasks.runs.predictions import PREDICTIONS  # noqa: PLC0415

    merged = index_steps.merge(sample_name, run_id)
    if sample_name not in (None, PREDICTIONS):
        tell_outside("index", sample_name, run_id)
    return merged


@task_group(
    group_id="index_catalogue",
    group_display_name="Index the catalogue",
    tooltip="Find every JPEG's place in the catalogue; one that is indexed already costs a second",
)
def index_catalogue(start: Any, sample_name: str | None = None) -> Any:
    """Return the group's last task, `merge_index`; `start` is the task that goes before the first."""
    ranges, merged = plan_ranges(sample_name), merge_index(sample_name)
    scanned = scan_range.partial(sample_name=sample_name).expand(byte_range=ranges)
    chain(start, ranges, scanned, merged)
    chain(ranges, merged)  # a direct edge: a skipped scan_range alone would skip the merge and all behind it
    return merged
