"""Catalogues predicted in this process, as a run does it."""

from pathlib import Path
from typing import Any

from cdiscount_tasks.stages.inputs import PredictingModel


def predict_catalogue(
    index_dir: Path,
    catalogue_path: Path,
    model: PredictingModel,
    artifacts_dir: Path,
    target_precision: float | None = None,
) -> dict[str, Any]:
    """Plan, answer each range, join; returns the result of joining."""
    from cdiscount_tasks.stages import predictions

    for byte_range in predictions.plan_answers(index_dir, catalogue_path):
        predictions.answer_range(index_dir, catalogue_path, byte_range, model, artifacts_dir)
    return dict(predictions.join_answers(index_dir, catalogue_path, model, artifacts_dir, target_precision))
