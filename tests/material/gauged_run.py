"""A run with a report, counts for gauges, and artifacts of a few bytes for lineage: each made of those before it."""

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs.start import start_run
from tests.material.finished_reports import write_finished

COUNTS = {
    "index": {"num_products": 80, "num_rejected_documents": 20, "catalogue_id": "c0ffee"},
    "sample": {"num_images": 200},
    "labels": {"num_rejected_images": 10},
    "features": {},
    "model": {"images_per_s": 558.7},
}
GAUGES_OF_REPORT = {
    "accuracy": 0.75,
    "accuracy_low": 0.65,
    "accuracy_high": 0.85,
    "rejected_images_share": 0.05,
    "rejected_documents_share": 0.2,
    "days_since_report": 0.0,
    "days_since_run": 0.0,
}
"""What its report says to whoever watches from outside."""
MADE_FROM = {"sample": ["index"], "labels": ["index", "sample"], "features": ["sample"], "model": ["sample", "labels"]}
"""Of the steps of such a run, whose model learns from no features."""


def write_gauged_run(run_id, sample="colours", **changed):
    """Begin a run of a sample that the environment has, and write what its steps leave; `changed` as in its report."""
    run = start_run(sample, run_id, "smoke", {})
    at = {}
    for step, counts in COUNTS.items():
        parent = run.index_parent_dir if step == "index" else run.artifacts_dir
        parent.mkdir(parents=True, exist_ok=True)
        recipe = Recipe(step, 1, {"of": run_id}, {name: at[name] for name in MADE_FROM.get(step, ())})

        def write(part_dir, counts=counts, identity=f"{step}-1-c0ffee" if step == "index" else None):
            (part_dir / "rows.bin").write_bytes(b"x" * 100)
            return Made(counts, identity)

        made = run.record(step, build_artifact(recipe.dir_in(parent), recipe, write))
        at[step] = run.environment.work_dir / run.folders()[step]
        assert made["reused"] is False
    write_finished(run.environment.reports_dir, run.run_dir.name, sample, **changed)
    return run
