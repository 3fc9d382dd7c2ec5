"""The tasks of the pooled draw: pictures of many categories, for what two samples alone cannot tell."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from cdiscount_airflow.tasks.stage_task import skip_task, stage_task
from cdiscount_tasks.runs import summaries


def judge_cloud(start: Any) -> Any:
    """Add the tasks from the choice of categories to the judged cloud; return the last one.

    Where no cloud can be made they are skipped, with the reason, which the page repeats.

    Args:
        start: The task that goes before.
    """

    @stage_task(
        summaries.of_sample, task_display_name="Draw many categories", retries=2, execution_timeout=timedelta(hours=2)
    )
    def draw_categories(run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Take some products of many categories out of the catalogue.

        **Reads** the index, the names CSV and the byte ranges of these products.
        **Leaves** their pictures; skipped where the catalogue has too few categories, or no weights stand here.
        **If it fails** because the catalogue is not the indexed one, trigger the samples anew, then compare again.
        """
        from cdiscount_tasks.runs.comparison import open_comparison  # noqa: PLC0415
        from cdiscount_tasks.stages import random_choices, sample  # noqa: PLC0415

        comparison = open_comparison(run_id)
        if comparison.backbone is None:
            skip_task(comparison.note("no_cloud", comparison.no_backbone))
        pool = random_choices.choose_pool(
            comparison.index_dir,
            comparison.names_path,
            comparison.compared,
            comparison.config.cloud,
        )
        if not pool.category_ids:
            skip_task(comparison.note("no_cloud", *pool.notes))
        comparison.note("pool", *pool.notes)
        return dict(
            comparison.record(
                "pooled_sample",
                sample.draw_sample(
                    comparison.index_dir,
                    comparison.catalogue_path,
                    comparison.artifacts_dir,
                    comparison.draw_config(pool.category_ids),
                ),
            )
        )

    @stage_task(
        summaries.of_labels, task_display_name="Tie their groups", retries=2, execution_timeout=timedelta(hours=2)
    )
    def tie_groups(sample_dir: str, run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Decode the pictures and tie the products that share one.

        **Reads** the pooled draw and the index.
        **Leaves** its products, groups and pictures.
        **If it fails**, clear the task.
        """
        from cdiscount_tasks.runs.comparison import open_comparison  # noqa: PLC0415
        from cdiscount_tasks.stages import labels  # noqa: PLC0415
        from cdiscount_tasks.stages.inputs import LabelFiles  # noqa: PLC0415

        comparison = open_comparison(run_id)
        fixed = labels.fix_labels(
            comparison.index_dir,
            Path(sample_dir),
            LabelFiles(names_path=comparison.names_path),
            comparison.artifacts_dir,
            comparison.label_config(),
        )
        return dict(comparison.record("pooled_labels", fixed))

    @stage_task(
        summaries.of_features,
        task_display_name="Extract their features",
        pool="gpu",
        retries=3,
        execution_timeout=timedelta(hours=12),
    )
    def extract_their_features(sample_dir: str, labels_dir: str, run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Let the frozen network look at every picture of the pooled draw once.

        **Reads** the pictures and the ImageNet weights.
        **Leaves** a feature vector of each picture.
        **If it fails**, clear the task.
        """
        from cdiscount_tasks.runs.comparison import open_comparison  # noqa: PLC0415
        from cdiscount_tasks.stages import features  # noqa: PLC0415

        comparison = open_comparison(run_id)
        backbone = comparison.backbone
        if backbone is None:
            skip_task("the weights that stood when the comparison began are gone")
        extracted = features.extract_features(
            Path(sample_dir), Path(labels_dir), backbone.weights_path, comparison.artifacts_dir, backbone.config
        )
        return dict(comparison.record("pooled_features", extracted))

    @stage_task(
        summaries.of_cloud, task_display_name="Judge random choices", retries=1, execution_timeout=timedelta(hours=6)
    )
    def judge_choices(run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Judge random choices of five categories, alike and unlike, and the samples among them.

        **Reads** groups and features of the pooled draw, and the names CSV.
        **Leaves** `cloud.json`.
        **If it fails**, clear the task.
        """
        from cdiscount_tasks.runs.comparison import open_comparison  # noqa: PLC0415
        from cdiscount_tasks.stages import random_choices  # noqa: PLC0415

        comparison = open_comparison(run_id)
        judged = random_choices.judge_cloud(
            comparison.index_dir,
            comparison.names_path,
            comparison.pooled_draw,
            comparison.compared,
            comparison.artifacts_dir,
            comparison.config.cloud,
            comparison.noted("pool"),
        )
        return dict(comparison.record("cloud", judged))

    drawn = draw_categories()
    tied = tie_groups(drawn["path"])
    extracted = extract_their_features(drawn["path"], tied["path"])
    judged = judge_choices()
    start >> drawn
    extracted >> judged
    return judged
