"""The steps of a comparison: features of the compared runs, random choices of categories, the page.

Each takes the comparison's run id, notes what it made beside the comparison's config, and returns it in a line. Stages
are imported inside: their libraries take seconds.
"""

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import DataError, StepLeftOut
from cdiscount_tasks.machine.gpus import check_gpus
from cdiscount_tasks.runs import summaries
from cdiscount_tasks.runs.comparison import Comparison, open_comparison
from cdiscount_tasks.runs.steps import features_plan
from cdiscount_tasks.runs.workers import check_reports
from cdiscount_tasks.settings.comparison import ComparisonNotes
from cdiscount_tasks.stages.inputs import LabelFiles

POOLED_SAMPLE, POOLED_LABELS, POOLED_FEATURES = "pooled_sample", "pooled_labels", "pooled_features"
RANDOM_CHOICES = "random_choices"


def _open(run_id: str, *, by_network: bool = False) -> Comparison:
    """Open a comparison for a task that works on it."""
    comparison = open_comparison(run_id)
    comparison.check_worker(by_network=by_network)
    if by_network:
        check_gpus(1, comparison.environment.gpus)
    return comparison


def extract_features(run_id: str, sample_name: str) -> str:
    """Make the features of a compared sample, or find them."""
    comparison = _open(run_id, by_network=True)
    run = comparison.compared_of(sample_name)
    plan = features_plan(comparison.backbone, run.sample_dir, run.labels_dir, run.labels_dir.parent)
    return summaries.of_features(comparison.record(f"features_{sample_name}", plan.make()))


def draw_categories(run_id: str) -> str:
    """Draw some products of many categories.

    Raises:
        StepLeftOut: If the catalogue has too few categories; the page repeats why.
    """
    from cdiscount_tasks.stages import random_choices, sample

    comparison = _open(run_id)
    pool = random_choices.choose_categories(
        comparison.index_dir, comparison.names_path, comparison.compared, comparison.config.random_choices
    )
    if not pool.category_ids:
        too_few = "; ".join(pool.notes)
        comparison.note(ComparisonNotes(no_random_choices=too_few))
        raise StepLeftOut(too_few)
    comparison.note(ComparisonNotes(pool=tuple(pool.notes)))
    drawn = sample.draw_sample(
        comparison.index_dir,
        comparison.catalogue_path,
        comparison.artifacts_dir,
        comparison.draw_config(pool.category_ids),
    )
    return summaries.of_sample(comparison.record(POOLED_SAMPLE, drawn))


def tie_groups(run_id: str) -> str:
    """Tie the drawn products that share a picture."""
    from cdiscount_tasks.stages import labels

    comparison = _open(run_id)
    fixed = labels.fix_labels(
        comparison.index_dir,
        comparison.folders()[POOLED_SAMPLE],
        LabelFiles(names_path=comparison.names_path),
        comparison.artifacts_dir,
        comparison.label_config(),
    )
    return summaries.of_labels(comparison.record(POOLED_LABELS, fixed))


def extract_pooled_features(run_id: str) -> str:
    """Make the features of the drawn products."""
    comparison = _open(run_id, by_network=True)
    at = comparison.folders()
    plan = features_plan(comparison.backbone, at[POOLED_SAMPLE], at[POOLED_LABELS], comparison.artifacts_dir)
    return summaries.of_features(comparison.record(POOLED_FEATURES, plan.make()))


def judge_choices(run_id: str) -> str:
    """Judge random choices of five categories, alike and unlike, and the samples among them."""
    from cdiscount_tasks.stages import random_choices

    comparison = _open(run_id)
    judged = random_choices.judge_random_choices(
        comparison.index_dir,
        comparison.names_path,
        comparison.pooled_draw,
        comparison.compared,
        comparison.artifacts_dir,
        comparison.config.random_choices,
        comparison.notes.pool,
    )
    return summaries.of_random_choices(comparison.record(RANDOM_CHOICES, judged))


def page_folder(run_id: str) -> str:
    """Return the name of the folder that the page goes to."""
    return open_comparison(run_id).out_dir.name


def _check_alike(comparison: Comparison) -> None:
    """Refuse features of two kinds: weights came or went between the tasks that made them."""
    made = [path for step, path in comparison.folders().items() if "features" in step]
    kinds = sorted({read_manifest(path)["config"]["network"] for path in made})
    if len(kinds) > 1:
        raise DataError(
            f"{comparison.comparison_dir}: the features were computed by {' and '.join(kinds)}, since pretrained "
            "weights came or went meanwhile; trigger a new comparison"
        )


def write_comparison(run_id: str) -> str:
    """Write the page, and list it in the index of reports.

    Raises:
        DataError: If not all features are of one kind.
    """
    from cdiscount_tasks.reports.overview import write_reports_index
    from cdiscount_tasks.stages import comparison as stage

    comparison = _open(run_id)
    check_reports(comparison.config.began_on, comparison.environment)
    _check_alike(comparison)
    written = stage.write_comparison(
        comparison.compared,
        comparison.folders().get(RANDOM_CHOICES),
        comparison.out_dir,
        comparison.notes.no_features,
        comparison.notes.no_random_choices,
    )
    write_reports_index(comparison.environment.reports_dir)
    return summaries.of_comparison(written)
