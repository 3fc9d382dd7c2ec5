"""The task group that indexes the catalogue, the same in every DAG that needs an index."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import TriggerRule, chain, task_group
from cdiscount_airflow.tasks.stage_task import MAP_INDEX_NAME, name_map_index, stage_task

from cdiscount_tasks.runs import summaries


def index_catalogue(start: Any, place_of: Callable[[str], Any], merge: Callable[[str], str]) -> Any:
    """Return the task group's last task, `merge_index`.

    Args:
        start: The task that goes before.
        place_of: Gives the `IndexPlace` of a run by its id; called inside the tasks alone, as `merge` is.
        merge: Joins the scanned ranges into the index of a run; returns the result in a line.
    """

    @task_group(
        group_id="index_catalogue",
        group_display_name="Index the catalogue",
        tooltip="Find every JPEG's place in the catalogue; one that is indexed already costs a second",
    )
    def group() -> Any:
        @stage_task(summaries.of_ranges, task_display_name="Plan byte ranges", execution_timeout=timedelta(minutes=10))
        def plan_ranges(run_id: Any = None) -> list:  # type: ignore[type-arg]
            """Cut the catalogue into byte ranges.

            **Reads** the catalogue's size and a sample of its blocks.
            **Leaves** a list of ranges, empty if the catalogue is indexed already.
            **If it fails**, compare the catalogue with its source: the log names the byte.
            """
            from cdiscount_tasks.stages import index  # noqa: PLC0415

            place = place_of(run_id)
            return index.plan_ranges(place.catalogue_path, place.parent_dir)

        @stage_task(
            task_display_name="Scan a byte range",
            retries=3,
            execution_timeout=timedelta(hours=3),
            map_index_template=MAP_INDEX_NAME,
        )
        def scan_range(byte_range: dict, run_id: Any = None) -> str:  # type: ignore[type-arg]
            """Find the documents and pictures of one byte range.

            **Reads** that part of the catalogue, once.
            **Leaves** an artifact of its own, which a killed scan finds again.
            **If it fails**, do what the log says, and clear the task: the ranges that stand are not scanned again. It
            ends at once where more is rejected than `CDISCOUNT_MAX_REJECTED_SHARE` allows.
            """
            from cdiscount_tasks.stages import index  # noqa: PLC0415

            name_map_index(summaries.byte_range(byte_range["start"], byte_range["stop"]))
            place = place_of(run_id)
            part = index.ByteRange(start=byte_range["start"], stop=byte_range["stop"])
            scanned = index.scan_range(place.catalogue_path, part, place.parent_dir, place.max_rejected_share)
            return summaries.of_range(scanned)

        # No range to scan (the index stands) skips scan_range; this task must run all the same.
        @stage_task(
            task_display_name="Merge the index",
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )
        def merge_index(run_id: Any = None) -> str:
            """Join the scanned ranges into the catalogue's index.

            **Reads** the artifacts of all ranges.
            **Leaves** `images.parquet`, `products.parquet`, `rejected.parquet` and `profile.json`.
            **If it fails** because too many documents were rejected, look at why in the log; the bound is
            `CDISCOUNT_MAX_REJECTED_SHARE`.
            """
            return merge(run_id)

        ranges, merged = plan_ranges(), merge_index()
        scanned = scan_range.expand(byte_range=ranges)
        chain(start, ranges, scanned, merged)
        chain(ranges, merged)  # a direct edge: a skipped scan_range alone would skip the merge and all behind it
        return merged

    return group()
