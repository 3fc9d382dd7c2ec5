"""Runs of a sample from the catalogue to the report, without Airflow."""

from contextlib import suppress

from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.errors import StepLeftOut
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.stages import index


def begin_run(sample_name, run_id, **settings):
    """Start a run and index its catalogue, as the first tasks of its DAG do."""
    run = start_run(sample_name, run_id, **settings)
    place = run.index_place
    for byte_range in index.plan_ranges(place.catalogue_path, place.parent_dir):
        index.scan_range(place.catalogue_path, ByteRange(**byte_range), place.parent_dir)
    steps.make("index", sample_name, run_id)
    return run


def finish_run(sample_name, run_id, **settings):
    """Run a sample from the index to its report."""
    run = begin_run(sample_name, run_id, **settings)
    for step in steps.STEPS[1:]:
        with suppress(StepLeftOut):
            steps.make(step.name, sample_name, run_id)
    return run
