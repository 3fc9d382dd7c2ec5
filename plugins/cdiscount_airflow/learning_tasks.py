"""The tasks that learn: each takes the pool `gpu`."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from airflow.sdk import TriggerRule

from cdiscount_airflow.tasks.stage_task import skip_task, stage_task
from cdiscount_tasks.runs import summaries


class Learnt(NamedTuple):
    """What the tasks that learn hand on.

    Attributes:
        model_dir: Path of the model.
        evaluation_dir: Path of its evaluation.
        audited: The task of the audit; it may be skipped, and then there is no path.
    """

    model_dir: Any
    evaluation_dir: Any
    audited: Any


def learn(sample_dir: Any, labels_dir: Any, open_run: Callable[[str], Any], gpu_slots: int) -> Learnt:
    """Add the tasks that turn labels into a trained and judged model.

    Args:
        sample_dir: Path of the sample, from its task.
        labels_dir: Path of the labels, from their task.
        open_run: Gives the run by its id; called inside the tasks alone.
        gpu_slots: Slots of the pool that a training takes.

    Returns:
        The paths of the model and of its evaluation, as their tasks give them, and the task that audits the labels.
    """

    @stage_task(
        summaries.of_features,
        task_display_name="Extract features",
        pool="gpu",
        pool_slots=gpu_slots,
        retries=3,
        execution_timeout=timedelta(days=1),
    )
    def extract_features(sample_dir: str, labels_dir: str, run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Let a pretrained network look at every picture once: the preset's, or one that stands on this machine.

        Skipped where the preset trains from scratch and no pretrained weights stand here: none are fetched for this.

        **Reads** the sample's pictures and the ImageNet weights.
        **Leaves** a feature vector of each picture, and of its mirror image where the preset wants that.
        **If it fails** because the weights do not fit, look at the file that the log names, in `CDISCOUNT_WEIGHTS`.
        """
        from cdiscount_tasks.stages import features  # noqa: PLC0415

        run = open_run(run_id)
        backbone = run.backbone
        if backbone is None:
            skip_task(run.no_features)
        extracted = features.extract_features(
            Path(sample_dir), Path(labels_dir), backbone.weights_path, run.artifacts_dir, backbone.config
        )
        return dict(run.record("features", extracted))

    @stage_task(
        summaries.of_model,
        task_display_name="Train the model",
        pool="gpu",
        pool_slots=gpu_slots,
        retries=3,
        execution_timeout=timedelta(days=3),
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,  # features may be skipped, labels may not
    )
    def train_model(sample_dir: str, labels_dir: str, run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Train the preset's network on the train split.

        **Reads** the sample's pictures, their labels, and the features where the preset starts from weights.
        **Leaves** the model of the epoch with the lowest validation loss, and the history of all epochs.
        **If it fails** for lack of memory, trigger again with a smaller batch size or image size. A retry goes on
        from the last checkpoint; nothing that was learnt is lost.
        """
        from cdiscount_tasks.stages import model  # noqa: PLC0415

        run = open_run(run_id)
        trained = model.train_model(
            Path(sample_dir),
            Path(labels_dir),
            run.pretrained,
            run.artifacts_dir,
            run.config.training,
            run.environment.tensorboard_dir,
        )
        return dict(run.record("model", trained))

    @stage_task(
        summaries.of_evaluation,
        task_display_name="Evaluate the model",
        pool="gpu",
        retries=2,
        execution_timeout=timedelta(hours=12),
    )
    def evaluate_model(sample_dir: str, labels_dir: str, model_dir: str, run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Predict the validation and test products.

        **Reads** the model, the pictures and their labels.
        **Leaves** predictions by product and by picture; figures are computed from them in the report.
        **If it fails**, clear the task: the model stands and is not trained again.
        """
        from cdiscount_tasks.stages import evaluation  # noqa: PLC0415

        run = open_run(run_id)
        evaluated = evaluation.evaluate_model(Path(sample_dir), Path(labels_dir), Path(model_dir), run.artifacts_dir)
        return dict(run.record("evaluation", evaluated))

    @stage_task(
        summaries.of_audit, task_display_name="Audit the labels", retries=2, execution_timeout=timedelta(hours=2)
    )
    def audit_labels(labels_dir: str, features_dir: str, run_id: Any = None) -> dict:  # type: ignore[type-arg]
        """Find labels that other products contradict, and price what a leaky split would have reported.

        Skipped with the features.

        **Reads** the features, the labels, and which lists of suspects people have been through.
        **Leaves** each product's out-of-sample probability, and accuracies under three kinds of split.
        **If it fails**, clear the task: the features stand.
        """
        from cdiscount_tasks.stages import audit  # noqa: PLC0415

        run = open_run(run_id)
        audited = audit.audit_labels(
            Path(labels_dir), Path(features_dir), run.reviews, run.artifacts_dir, run.config.labels
        )
        return dict(run.record("audit", audited))

    trained = train_model(sample_dir, labels_dir)
    extracted = extract_features(sample_dir, labels_dir)
    extracted >> trained
    evaluated = evaluate_model(sample_dir, labels_dir, trained["path"])
    return Learnt(trained["path"], evaluated["path"], audit_labels(labels_dir, extracted["path"]))
