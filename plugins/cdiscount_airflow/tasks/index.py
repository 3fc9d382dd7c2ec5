"""The task group that indexes the catalogue, the same in every DAG that needs an index."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from airflow.sdk import TriggerRule, chain, task_group
from cdiscount_airflow.tasks.stage_task import MAP_INDEX_NAME, name_map_index, stage_task

from cdiscount_tasks.runs import summaries


class IndexingRun(Protocol):
    """A run that needs an index: a sample's, or the catalogue's own."""

    @property
    def catalogue_path(self) -> Path:
        """Return the BSON file."""
        ...

    @property
    def index_parent_dir(self) -> Path:
        """Return the folder of the catalogue's index and of the parts of its scan."""
        ...

    @property
    def max_rejected_share(self) -> float:
        """Return the share of rejected documents above which the catalogue is refused."""
        ...

    def record(self, stage: str, result: Any) -> Mapping[str, Any]:
        """Note which artifact a stage used or made, and return the stage's result."""
        ...


def index_catalogue(start: Any, open_run: Callable[[str], IndexingRun]) -> Any:
    """Return the task group's result, that of `merge_index`.

    Args:
        start: The task that goes before.
        open_run: Gives the run by its id; called inside the tasks alone.
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

            run = open_run(run_id)
            return index.plan_ranges(run.catalogue_path, run.index_parent_dir)

        @stage_task(
            summaries.of_range,
            task_display_name="Scan a byte range",
            retries=3,
            execution_timeout=timedelta(hours=3),
            map_index_template=MAP_INDEX_NAME,
        )
        def scan_range(byte_range: dict, run_id: Any = None) -> dict:  # type: ignore[type-arg]
            """Find the documents and pictures of one byte range.

            **Reads** that part of the catalogue, once.
            **Leaves** an artifact of its own, which a killed scan finds again.
            **If it fails**, do what the log says, and clear the task: the ranges that stand are not scanned again. It
            ends at once where more is rejected than `CDISCOUNT_MAX_REJECTED_SHARE` allows.
            """
            from cdiscount_tasks.stages import index  # noqa: PLC0415

            name_map_index(summaries.byte_range(byte_range["start"], byte_range["stop"]))
            run = open_run(run_id)
            place = index.ByteRange(start=byte_range["start"], stop=byte_range["stop"])
            return dict(index.scan_range(run.catalogue_path, place, run.index_parent_dir, run.max_rejected_share))

        # No range to scan (the index stands) skips scan_range; this task must run all the same.
        @stage_task(
            summaries.of_index,
            task_display_name="Merge the index",
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )
        def merge_index(run_id: Any = None) -> dict:  # type: ignore[type-arg]
            """Join the scanned ranges into the catalogue's index.

            **Reads** the artifacts of all ranges.
            **Leaves** `images.parquet`, `products.parquet`, `rejected.parquet` and `profile.json`.
            **If it fails** because too many documents were rejected, look at why in the log; the bound is
            `CDISCOUNT_MAX_REJECTED_SHARE`.
            """
            from cdiscount_tasks.stages import index  # noqa: PLC0415

            run = open_run(run_id)
            merged = index.merge_index(run.catalogue_path, run.index_parent_dir, run.max_rejected_share)
            return dict(run.record("index", merged))

        ranges, merged = plan_ranges(), merge_index()
        scanned = scan_range.expand(byte_range=ranges)
        chain(start, ranges, scanned, merged)
        chain(ranges, merged)  # a direct edge: a skipped scan_range alone would skip the merge and all behind it
        return merged

    return group()
