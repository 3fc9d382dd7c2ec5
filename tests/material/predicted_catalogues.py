"""Catalogues predicted in this process, as a run does it, and what came of it."""

from pathlib import Path
from typing import Any

from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.tables.predicted import read_predicted
from tests.material.tiny_catalogue import CATEGORIES, TinyCatalogue, draw_jpeg

FILES = ("predictions.parquet", "rejected.parquet", "submission.csv", "summary.json")


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


def rows_of(made):
    """Return predictions.parquet by product_id."""
    return read_predicted(Path(made["path"])).to_pandas().set_index("product_id", drop=False)


def bytes_of(made):
    """Return the bytes of each file of a predictions artifact but its manifest."""
    return {name: (Path(made["path"]) / name).read_bytes() for name in FILES}


def plain_catalogue(num_products=12, category_of=lambda number: CATEGORIES[number % 4]):
    """Make a catalogue of products of one image each, whose ids fall."""
    made = TinyCatalogue()
    for number in range(num_products):
        made.add(900 - number, category_of(number), [draw_jpeg(CATEGORIES[number % 4], number)])
    return made
