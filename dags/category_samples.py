"""One DAG `cdiscount_<sample>` for each YAML in the samples folder: from the catalogue to an evaluation report.

What runs, in which pool, in what order. What the tasks do is in `cdiscount_tasks`; the trigger form is in
`cdiscount_airflow.forms`. Task bodies import their stage themselves, so that this file parses in a moment.
"""

from datetime import timedelta
from operator import itemgetter
from pathlib import Path

from airflow.sdk import DAG, TriggerRule, dag
from cdiscount_airflow import assets, deadlines, docs, forms, notifiers, sample_files
from cdiscount_airflow.learning_tasks import learn
from cdiscount_airflow.links import link_report
from cdiscount_airflow.tasks.index import index_catalogue
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, is_scheduled, skip_task, stage_task

from cdiscount_tasks.runs import summaries
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample import SampleConfig


def sample_dag(sample: SampleConfig) -> DAG:
    """Return the DAG that turns a category sample into a trained classifier and its evaluation report."""

    @dag(
        dag_id=f"cdiscount_{sample.name}",
        dag_display_name=f"Cdiscount: {sample.title}",
        description=docs.description_of(sample),
        schedule=assets.schedule_of(sample),
        params=forms.params_of(sample, read_environment()),
        default_args={
            **DEFAULT_ARGS,
            "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
        },
        max_active_runs=1,
        catchup=False,
        allowed_run_types=assets.RUN_TYPES,
        doc_md=docs.page_of(sample, read_environment()),
        deadline=deadlines.deadline_of(sample),
        tags=["cdiscount", *sample.tags, *assets.schedule_tags(sample)],
        auto_register=False,  # one that fails half-way is listed as broken
    )
    def pipeline() -> None:
        @stage_task(itemgetter("summary"), task_display_name="Resolve the run", retries=0)
        def resolve_run(params=None, dag_run=None, run_id=None) -> dict:
            """Freeze what this run makes.

            **Reads** the sample's YAML, the trigger form, the names CSV, the label fixes and the split file.
            **Leaves** `config.json` and copies of those files in the run's folder; a retry keeps them.
            **If it fails**, a setting is wrong: the log says which, and what to do; then trigger again.
            """
            from cdiscount_tasks.runs.changes import seed_by_itself
            from cdiscount_tasks.runs.start import start_run
            from cdiscount_tasks.settings.words import summary_of

            overrides = forms.overrides_of(params, dag_run.conf)
            if is_scheduled(dag_run):
                overrides |= seed_by_itself(sample.schedule, run_id)
            run = start_run(sample.name, run_id, params["preset"], overrides)
            return {
                "path": str(run.run_dir),
                "preset": run.config.preset,
                "report_dir": str(run.report_dir),
                "summary": summary_of(run.config),
            }

        @stage_task(task_display_name="Notice changes", execution_timeout=timedelta(minutes=10))
        def notice_changes(index_dir: str, dag_run=None, run_id=None) -> dict:
            """Look whether this run would make anything new; one that a person triggered always goes on.

            **Reads** what decided each artifact of the sample's last finished run of the same preset.
            **Leaves** nothing; a run that started by itself is skipped here, with the reason, if nothing changed.
            **If it fails**, clear the task; it only compares.
            """
            from cdiscount_tasks.runs import changes

            if is_scheduled(dag_run):
                run = open_run(run_id)
                if reason := changes.reason_to_skip(run, by_new_index=assets.is_of_new_index(dag_run)):
                    changes.note_skip(run, reason)
                    skip_task(reason)
            return {"path": index_dir}

        @stage_task(
            summaries.of_sample, task_display_name="Draw the sample", retries=2, execution_timeout=timedelta(hours=6)
        )
        def draw_sample(index_dir: str, run_id=None) -> dict:
            """Take the sample's products out of the catalogue.

            **Reads** the index and the catalogue's byte ranges of the sample's products.
            **Leaves** Parquet files with the JPEG bytes of every picture.
            **If it fails** because a category has no product, compare the YAML's ids with the catalogue's.
            """
            from cdiscount_tasks.runs.run import open_run
            from cdiscount_tasks.stages import sample as sample_stage

            run = open_run(sample.name, run_id)
            drawn = sample_stage.draw_sample(Path(index_dir), run.catalogue_path, run.artifacts_dir, run.config.draw)
            return run.record("sample", drawn)

        @stage_task(
            summaries.of_labels, task_display_name="Fix the labels", retries=2, execution_timeout=timedelta(hours=12)
        )
        def fix_labels(index_dir: str, sample_dir: str, run_id=None) -> dict:
            """Decode every picture, tie products that share one, split, and decide what is learnt from.

            **Reads** the sample, the names CSV, people's label fixes and the split file, as copied when the run began.
            **Leaves** products, images, classes, conflicts and rejected rows as Parquet.
            **If it fails** because a class is too small, take it out of the YAML or set `small_classes: reject`.
            """
            from cdiscount_tasks.runs.run import open_run
            from cdiscount_tasks.stages import labels

            run = open_run(sample.name, run_id)
            with run.sources_named():
                fixed = labels.fix_labels(
                    Path(index_dir), Path(sample_dir), run.label_files, run.artifacts_dir, run.config.labels
                )
            return run.record("labels", fixed)

        # Without a backbone the audit is skipped, and the report says so.
        @stage_task(
            summaries.of_report,
            task_display_name="Write the report",
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            outlets=[assets.report_of(sample.name)],
            on_success_callback=notifiers.notifiers(read_environment(), notifiers.report_message),
        )
        def write_report(
            index_dir: str,
            sample_dir: str,
            labels_dir: str,
            model_dir: str,
            evaluation_dir: str,
            run_id=None,
            outlet_events=None,
        ) -> dict:
            """Write the evaluation report.

            **Reads** Parquet, manifests and the config of everything before it.
            **Leaves** `report.html`, `labels.html`, `suspects.html`, `label_suspects.csv` and `metrics.json` in the
            reports folder, and the index of reports; an event of the asset with the headline.
            **If it fails**, clear the task: nothing before it runs again.
            """
            from cdiscount_tasks.reports.headline import read_headline
            from cdiscount_tasks.runs.durations import note_duration
            from cdiscount_tasks.runs.run import open_run
            from cdiscount_tasks.stages import report

            run = open_run(sample.name, run_id)
            artifacts = map(Path, (index_dir, sample_dir, labels_dir, model_dir, evaluation_dir))
            written = report.write_report(
                *artifacts, run.report_dir, run.config, run.features_dir, run.audit_dir, run.no_features
            )
            assets.publish_report(outlet_events, read_headline(run.report_dir))
            note_duration(run)
            return run.record("report", written)

        def open_run(run_id):
            from cdiscount_tasks.runs import run

            return run.open_run(sample.name, run_id)

        # What is behind takes the index from notice_changes: where that is skipped, all of it is.
        index_dir = notice_changes(index_catalogue(resolve_run(), open_run)["path"])["path"]
        sample_dir = draw_sample(index_dir)["path"]
        labels_dir = fix_labels(index_dir, sample_dir)["path"]
        learnt = learn(sample_dir, labels_dir, open_run, sample.num_gpu_slots)
        learnt.audited >> link_report(
            write_report(index_dir, sample_dir, labels_dir, learnt.model_dir, learnt.evaluation_dir)
        )

    return pipeline()


globals().update(sample_files.build_dags(read_environment().samples_dir, sample_dag))
