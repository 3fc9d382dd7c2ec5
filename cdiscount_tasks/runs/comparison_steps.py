"""The steps of a comparison: features of the compared runs, random choices of categories, the page.

Each takes the comparison's run id, notes what it made beside the comparison's config, and returns it in a line. Stages
are imported inside: their libraries take seconds.
"""

from cdiscount_tasks.errors import StepLeftOut
from cdiscount_tasks.runs import summaries
from cdiscount_tasks.runs.comparison import open_comparison
from cdiscount_tasks.settings.comparison import ComparisonNotes
from cdiscount_tasks.stages.inputs import LabelFiles

POOLED_SAMPLE, POOLED_LABELS, POOLED_FEATURES = "pooled_sample", "pooled_labels", "pooled_features"
RANDOM_CHOICES = "random_choices"


def extract_features(run_id: str, sample_name: str) -> str:
    """Make the features of a compared sample, or find them.

    Raises:
        StepLeftOut: If this machine has no weights; the page repeats why.
    """
    from cdiscount_tasks.stages import features

    comparison = open_comparison(run_id)
    run, backbone = comparison.compared_of(sample_name), comparison.backbone
    if backbone is None:
        comparison.note(ComparisonNotes(no_features=comparison.no_backbone))
        raise StepLeftOut(comparison.no_backbone)
    extracted = features.extract_features(
        run.sample_dir, run.labels_dir, backbone.weights_path, run.labels_dir.parent, backbone.config
    )
    return summaries.of_features(comparison.record(f"features_{sample_name}", extracted))


def draw_categories(run_id: str) -> str:
    """Draw some products of many categories.

    Raises:
        StepLeftOut: If this machine has no weights, or the catalogue has too few categories; the page repeats why.
    """
    from cdiscount_tasks.stages import random_choices, sample

    comparison = open_comparison(run_id)
    if comparison.backbone is None:
        comparison.note(ComparisonNotes(no_random_choices=comparison.no_backbone))
        raise StepLeftOut(comparison.no_backbone)
    pool = random_choices.choose_pool(
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

    comparison = open_comparison(run_id)
    fixed = labels.fix_labels(
        comparison.index_dir,
        comparison.folders()[POOLED_SAMPLE],
        LabelFiles(names_path=comparison.names_path),
        comparison.artifacts_dir,
        comparison.label_config(),
    )
    return summaries.of_labels(comparison.record(POOLED_LABELS, fixed))


def extract_pooled_features(run_id: str) -> str:
    """Make the features of the drawn products.

    Raises:
        StepLeftOut: If the weights were removed since the comparison began.
    """
    from cdiscount_tasks.stages import features

    comparison = open_comparison(run_id)
    backbone, at = comparison.backbone, comparison.folders()
    if backbone is None:
        raise StepLeftOut("the weights that were here when the comparison began are gone")
    extracted = features.extract_features(
        at[POOLED_SAMPLE], at[POOLED_LABELS], backbone.weights_path, comparison.artifacts_dir, backbone.config
    )
    return summaries.of_features(comparison.record(POOLED_FEATURES, extracted))


def judge_choices(run_id: str) -> str:
    """Judge random choices of five categories, alike and unlike, and the samples among them."""
    from cdiscount_tasks.stages import random_choices

    comparison = open_comparison(run_id)
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


def write_comparison(run_id: str) -> str:
    """Write the page, and list it in the index of reports."""
    from cdiscount_tasks.reports.overview import write_reports_index
    from cdiscount_tasks.stages import comparison as stage

    comparison = open_comparison(run_id)
    written = stage.write_comparison(
        comparison.compared,
        comparison.folders().get(RANDOM_CHOICES),
        comparison.out_dir,
        comparison.notes.no_features,
        comparison.notes.no_random_choices,
    )
    write_reports_index(comparison.environment.reports_dir)
    return summaries.of_comparison(written)
