"""The DAG `cdiscount_sample_comparison`: samples beside each other at equal size, whenever one has a new report.

How much harder are look-alike categories than unlike ones? It compares the last finished runs of the samples, if they
are of one preset, network and catalogue; by itself it is skipped, with every reason, if they are not.
"""

from datetime import timedelta

from airflow.sdk import TriggerRule, chain, dag
from cdiscount_airflow import assets, docs, forms, notifiers
from cdiscount_airflow.links import link_report, note_page
from cdiscount_airflow.tasks.placing import gpu_place
from cdiscount_airflow.tasks.stage_task import (
    DEFAULT_ARGS,
    MAP_INDEX_NAME,
    is_scheduled,
    name_map_index,
    skip_task,
    stage_task,
)

from cdiscount_tasks.settings.comparison import DEFAULT_SAMPLES
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample_folder import sample_names


@stage_task(" against ".join, task_display_name="Resolve the comparison", freezes=True)
def resolve_comparison(params=None, dag_run=None, run_id=None) -> list:
    """Freeze which runs are compared.

    **Reads** the trigger form, and which runs of the samples are finished.
    **Leaves** `config.json` in the comparison's folder; a retry compares the same runs.
    **If it fails**, the runs may not be compared, or a setting is wrong: the log has every reason. A wrong value in
    the form: trigger a new run. Anything else: do what the log says and clear the task, which chooses the runs again.
    """
    from cdiscount_tasks.runs.comparable import NotComparableError
    from cdiscount_tasks.runs.comparison import start_comparison

    settings = forms.comparison_settings(params, dag_run.conf)
    try:
        comparison = start_comparison(run_id, **settings)
    except NotComparableError as error:
        if is_scheduled(dag_run):
            skip_task(str(error))
        raise
    return [run.sample for run in comparison.config.runs]


@stage_task(
    **gpu_place(),
    task_display_name="Extract features",
    retries=3,
    execution_timeout=timedelta(days=1),
    map_index_template=MAP_INDEX_NAME,
)
def extract_features(sample_name: str, run_id=None) -> str:
    """Look at a sample's pictures as at those of the others; as a rule its run has done so already.

    **Reads** the sample's pictures, and the ImageNet weights where this machine has any; else the descriptor of shapes
    and colours that comes with the project looks at them.
    **Leaves** a feature vector of each picture.
    **If it fails** because the weights do not fit, look at the file that the log names, in `CDISCOUNT_WEIGHTS`.
    """
    from cdiscount_tasks.runs import comparison_steps

    name_map_index(sample_name)
    return comparison_steps.extract_features(run_id, sample_name)


@stage_task(task_display_name="Draw many categories", retries=2, execution_timeout=timedelta(hours=2))
def draw_categories(run_id=None) -> str:
    """Take some products of many categories out of the catalogue.

    **Reads** the index, the names CSV and the byte ranges of these products.
    **Leaves** their pictures; skipped where the catalogue has too few categories.
    **If it fails** because the catalogue is not the indexed one, trigger the samples anew, then compare again.
    """
    from cdiscount_tasks.runs import comparison_steps

    return comparison_steps.draw_categories(run_id)


@stage_task(task_display_name="Tie their groups", retries=2, execution_timeout=timedelta(hours=2))
def tie_groups(run_id=None) -> str:
    """Decode the pictures and tie the products that share one.

    **Reads** the pooled draw and the index.
    **Leaves** its products, groups and pictures.
    **If it fails**, clear the task.
    """
    from cdiscount_tasks.runs import comparison_steps

    return comparison_steps.tie_groups(run_id)


@stage_task(**gpu_place(), task_display_name="Extract their features", retries=3, execution_timeout=timedelta(hours=12))
def extract_their_features(run_id=None) -> str:
    """Look at every picture of the pooled draw once, as at those of the samples.

    **Reads** the pictures, and the ImageNet weights where this machine has any.
    **Leaves** a feature vector of each picture.
    **If it fails**, clear the task.
    """
    from cdiscount_tasks.runs import comparison_steps

    return comparison_steps.extract_pooled_features(run_id)


@stage_task(task_display_name="Judge random choices", execution_timeout=timedelta(hours=6))
def judge_choices(run_id=None) -> str:
    """Judge random choices of five categories, alike and unlike, and the samples among them.

    **Reads** groups and features of the pooled draw, and the names CSV.
    **Leaves** `random_choices.json`.
    **If it fails**, clear the task.
    """
    from cdiscount_tasks.runs import comparison_steps

    return comparison_steps.judge_choices(run_id)


# Random choices may be skipped; the page is written without them, and says why.
@stage_task(task_display_name="Write the comparison", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def write_comparison(run_id=None) -> str:
    """Write the page.

    **Reads** the runs' reports, labels, features and some pictures, and the random choices.
    **Leaves** `comparison.html` and `comparison.json` in the reports folder, linked from its index.
    **If it fails**, clear the task: nothing before it runs again.
    """
    from cdiscount_tasks.runs import comparison_steps

    note_page(comparison_steps.page_folder(run_id))
    return comparison_steps.write_comparison(run_id)


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
    resolved, written = resolve_comparison(), link_report(write_comparison())
    extracted = extract_features.expand(sample_name=resolved)
    judged = judge_choices()
    chain(resolved, extracted, draw_categories(), tie_groups(), extract_their_features(), judged, written)
    chain(resolved, written)
    chain(extracted, written)


sample_comparison()
