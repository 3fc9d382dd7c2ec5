"""Runs of a sample from the catalogue to the report, without Airflow."""

from pathlib import Path

from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.stages import evaluation, index, labels, model, report, sample


def begin_run(sample_name, run_id, **settings):
    """Start a run and index its catalogue, as the first tasks of its DAG do."""
    run = start_run(sample_name, run_id, **settings)
    place = run.catalogue_path, run.index_parent_dir
    for byte_range in index.plan_ranges(*place):
        index.scan_range(run.catalogue_path, index.ByteRange(**byte_range), run.index_parent_dir)
    run.record("index", index.merge_index(*place, run.max_rejected_share))
    return run


def finish_run(sample_name, run_id, **settings):
    """Run a sample from the index to its report, from scratch and without features."""
    run = begin_run(sample_name, run_id, **settings)
    config, index_dir = run.config, Path(run.recorded()["index"]["path"])
    drawn = sample.draw_sample(index_dir, run.catalogue_path, run.artifacts_dir, config.draw)
    sample_dir = Path(run.record("sample", drawn)["path"])
    fixed = labels.fix_labels(index_dir, sample_dir, run.label_files, run.artifacts_dir, config.labels)
    labels_dir = Path(run.record("labels", fixed)["path"])
    trained = model.train_model(sample_dir, labels_dir, None, run.artifacts_dir, config.training)
    model_dir = Path(run.record("model", trained)["path"])
    judged = evaluation.evaluate_model(sample_dir, labels_dir, model_dir, run.artifacts_dir)
    dirs = index_dir, sample_dir, labels_dir, model_dir, Path(run.record("evaluation", judged)["path"])
    run.record("report", report.write_report(*dirs, run.report_dir, config))
    return run
