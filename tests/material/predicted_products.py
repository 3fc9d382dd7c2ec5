"""A predictions artifact as its stage leaves it, without a model: answers that the test says, in the real schema."""

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.learning.measuring.predicted_products import NEW, NO_TRUTH, PredictedProducts
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import NUM_TOP_CATEGORIES, PREDICTED, REJECTED_PRODUCTS
from cdiscount_tasks.vocabulary import SPLITS


def answers_of(**columns):
    """Return answers of which only some columns matter: the others are those of new products without truth."""
    n = len(next(iter(columns.values())))
    usual = {
        "product_id": np.arange(n, dtype=np.int64), "group_id": np.arange(n, dtype=np.int64),
        "best": np.zeros(n, np.int32), "confidence": np.full(n, 0.9, np.float32), "abstained": np.zeros(n, bool),
        "num_images": np.ones(n, np.int8), "num_damaged": np.zeros(n, np.int8), "copy_of_train": np.zeros(n, bool),
        "known": np.full(n, NEW, np.int8), "given": np.zeros(n, np.int64),
        "given_class": np.full(n, NO_TRUTH, np.int32),
    }  # fmt: skip
    kinds = {name: column.dtype for name, column in usual.items()}
    return PredictedProducts(**(usual | {name: np.asarray(column, kinds[name]) for name, column in columns.items()}))


def rows_of_answers(answers, category_ids):
    """Return the rows of predictions.parquet that say these answers; probabilities fall from the best class on."""
    n, num_top = len(answers.best), min(NUM_TOP_CATEGORIES, len(category_ids))
    ids = np.asarray(category_ids, np.int64)
    order = (answers.best[:, None] + np.arange(num_top)) % len(ids)
    rest = (1 - answers.confidence)[:, None] * 0.5 ** np.arange(1, num_top)
    has_truth = answers.given_class != NO_TRUTH
    return {
        "product_id": answers.product_id,
        "category_id": pa.array(ids[answers.best], mask=answers.abstained),
        "probability": answers.confidence,
        "top_category_ids": ids[order].tolist(),
        "top_probabilities": np.column_stack([answers.confidence, rest]).astype(np.float32).tolist(),
        "abstained": answers.abstained,
        "num_images": answers.num_images,
        "num_damaged_images": answers.num_damaged,
        "copy_of_train": answers.copy_of_train,
        "known_split": [None if known == NEW else SPLITS[known] for known in answers.known],
        "given_category_id": pa.array(answers.given, mask=~has_truth),
        "group_id": answers.group_id,
    } if n else {name: [] for name in PREDICTED.names}  # fmt: skip


def make_predictions(parent_dir, answers, category_ids, rejected=(), target_precision=None):
    """Write the artifact and return its folder.

    Args:
        parent_dir: Where it will be.
        answers: Of the products that have one.
        category_ids: Of the model's classes.
        rejected: Rows of rejected.parquet; a product without a usable image has one damaged image.
        target_precision: At which the run answers.
    """
    recipe = Recipe("predictions", 1, {"target_precision": target_precision}, {}, {}, {})

    def write(part_dir):
        write_table(part_dir / "predictions.parquet", rows_of_answers(answers, category_ids), PREDICTED)
        columns = list(zip(*rejected, strict=True)) or [[]] * len(REJECTED_PRODUCTS.names)
        rows = dict(zip(REJECTED_PRODUCTS.names, map(list, columns), strict=True))
        write_table(part_dir / "rejected.parquet", rows, REJECTED_PRODUCTS)
        ids = sorted({*answers.product_id.tolist(), *(row[0] for row in rejected if row[0] is not None)})
        lines = [f"{one},{category_ids[0]}" for one in ids]
        (part_dir / "submission.csv").write_text("\n".join(["_id,category_id", *lines, ""]), encoding="utf-8")
        write_json(part_dir / "summary.json", {"num_predicted": len(answers.best)})
        no_image = sum(row[2] == "no_usable_image" for row in rejected)
        counts = {
            "num_documents": len(answers.best) + len(rejected), "num_predicted": len(answers.best),
            "num_damaged_images": int(answers.num_damaged.sum()) + no_image, "target_precision": target_precision,
        }  # fmt: skip
        return Made(counts)

    build_artifact(recipe.dir_in(parent_dir), recipe, write)
    return recipe.dir_in(parent_dir)
