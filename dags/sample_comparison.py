"""The DAG `cdiscount_sample_comparison`: samples beside each other at equal size, whenever one has a new report.

How much harder are look-alike categories than unlike ones? It compares the last finished runs of the samples, if they
are of one preset, network and catalogue; by itself it is skipped, with every reason, if they are not.
"""

from datetime import timedelta

from airflow.sdk import TriggerRule, chain, dag
from cdiscount_airflow import assets, docs, forms, notifiers
from cdiscount_airflow.comparison_tasks import judge_cloud
from cdiscount_airflow.links import link_report
from cdiscount_airflow.tasks.stage_task import (
    DEFAULT_ARGS,
    MAP_INDEX_NAME,
    is_scheduled,
    name_map_index,
    skip_task,
    stage_task,
)

from cdiscount_tasks.runs import summaries
from cdiscount_tasks.settings.comparison import DEFAULT_SAMPLES
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample_folder import sample_names


@dag(
    dag_id="cdiscount_sample_comparison",
    dag_display_name="Cdiscount: samples compared",
    description="Which sample is harder at equal size, and what look-alike categories cost at large",
    schedule=assets.any_report_of(DEFAULT_SAMPLES),
    params=forms.comparison_params(sample_names(read_environment().samples_dir)),
    default_args={
        **DEFAULT_ARGS,
        "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
    },
    max_active_runs=1,
    catchup=False,
    allowed_run_types=assets.RUN_TYPES,
    doc_md=docs.comparison_page(read_environment()),
    tags=["cdiscount", "comparison"],
)
def sample_comparison() -> None:
    """Choose the runs, extract what is missing, judge, write the page."""

    @stage_task(" against ".join, task_display_name="Resolve the comparison", retries=0)
    def resolve_comparison(params=None, dag_run=None, run_id=None) -> list:
        """Freeze which runs are compared.

        **Reads** the trigger form, and which runs of the samples are finished.
        **Leaves** `config.json` in the comparison's folder; a retry compares the same runs.
        **If it fails**, the runs may not be compared, or a setting is wrong: the log has every reason.
        """
        from cdiscount_tasks.runs.comparison import NotComparableError, start_comparison

        settings = forms.comparison_settings(params, dag_run.conf)
        try:
            comparison = start_comparison(run_id, **settings)
        except NotComparableError as error:
            if is_scheduled(dag_run):
                skip_task(str(error))
            raise
        return [run.sample for run in comparison.config.runs]

    @stage_task(
        summaries.of_features,
        task_display_name="Extract features",
        pool="gpu",
        retries=3,
        execution_timeout=timedelta(days=1),
        map_index_template=MAP_INDEX_NAME,
    )
    def extract_features(sample_name: str, run_id=None) -> dict:
        """Let one frozen network look at a sample's pictures; its run has done so already where weights stood.

        **Reads** the sample's pictures and the ImageNet weights.
        **Leaves** a feature vector of each picture; skipped where no weights stand on this machine.
        **If it fails** because the weights do not fit, look at the file that the log names, in `CDISCOUNT_WEIGHTS`.
        """
        from cdiscount_tasks.runs.comparison import open_comparison
        from cdiscount_tasks.stages import features

        name_map_index(sample_name)
        comparison = open_comparison(run_id)
        run, backbone = comparison.compared_of(sample_name), comparison.backbone
        if backbone is None:
            skip_task(comparison.note("no_features", comparison.no_backbone))
        extracted = features.extract_features(
            run.sample_dir, run.labels_dir, backbone.weights_path, run.labels_dir.parent, backbone.config
        )
        return comparison.record(f"features_{sample_name}", extracted)

    # Features and cloud may be skipped; the page stands without them, and says what is missing.
    @stage_task(
        summaries.of_comparison,
        task_display_name="Write the comparison",
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )
    def write_comparison(run_id=None) -> dict:
        """Write the page.

        **Reads** the runs' reports, labels, features and some pictures, and the cloud.
        **Leaves** `comparison.html` and `comparison.json` in the reports folder, linked from its index.
        **If it fails**, clear the task: nothing before it runs again.
        """
        from cdiscount_tasks.runs.comparison import open_comparison
        from cdiscount_tasks.stages import comparison as stage

        comparison = open_comparison(run_id)
        return stage.write_comparison(
            comparison.compared,
            comparison.cloud_dir,
            comparison.out_dir,
            "; ".join(comparison.noted("no_features")),
            "; ".join(comparison.noted("no_cloud")),
        )

    resolved, written = resolve_comparison(), link_report(write_comparison())
    extracted = extract_features.expand(sample_name=resolved)
    chain(resolved, [extracted, judge_cloud(extracted)], written)
    chain(resolved, written)


sample_comparison()
