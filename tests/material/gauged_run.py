"""A run with a report and as many counts as gauges are made of."""

from cdiscount_tasks.runs.start import start_run
from tests.material.finished_reports import write_finished

COUNTS = {
    "index": {"num_products": 80, "num_rejected_documents": 20},
    "sample": {"num_images": 200},
    "labels": {"num_rejected_images": 10},
}


def write_gauged_run(run_id, sample="colours", **changed):
    """Begin a run of a sample that the environment has, and write what its steps leave; `changed` as in its report."""
    run = start_run(sample, run_id, "smoke", {})
    for step, counts in COUNTS.items():
        run.record(step, counts)
    write_finished(run.environment.reports_dir, run.run_dir.name, sample, **changed)
    return run
