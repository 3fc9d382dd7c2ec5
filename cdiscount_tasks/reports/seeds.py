"""The seeds artifact as the report tells it: how far other seeds move the accuracy of this model's training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.seed_spread import Spread, measure_spread
from cdiscount_tasks.tables.seeds import SeedTables, read_seeds

Rights = npt.NDArray[np.bool_]

_OF_TRAINING = ("num_epochs", "best_epoch", "validation_accuracy", "validation_loss")


def _check_tested(seeds_dir: Path, found: SeedTables, products: pd.DataFrame, images: pd.DataFrame) -> None:
    """Refuse trainings that were judged by other products than the model: their accuracies are not comparable."""
    pairs = ((found.product_ids, products), (found.image_product_ids, images))
    if not all(np.array_equal(one, rows["product_id"].to_numpy()) for one, rows in pairs):
        raise DataError(
            f"{seeds_dir}: was judged by other test products than the model's evaluation; clear the task "
            "train_other_seeds and run on from there"
        )


def _with_own(rows: pd.DataFrame, others: Rights) -> Rights:
    """Return bool, [n, 1 + num_complete]: what the model judged right, and beside it each other seed."""
    own = (rows["class_index"] == rows["predicted"]).to_numpy(np.bool_)
    return np.column_stack([own, others])


def _spread(right: Rights, rows: pd.DataFrame) -> Spread | None:
    return measure_spread(right, rows["group_id"].to_numpy(np.int64)) if right.shape[1] > 1 else None


def _share(right: Rights) -> float:
    return round(float(right.mean()), 6)


def _rows(
    own: Mapping[str, Any], others: Sequence[Mapping[str, Any]], of_products: Rights, of_images: Rights
) -> list[dict[str, Any]]:
    """Return a row a training, the model's first; accuracies are null where one was not trained to its end."""
    columns, rows = iter(range(of_products.shape[1])), []
    for place, one in enumerate((own, *others)):
        at = next(columns) if one["state"] == "complete" else None
        product, image = (None if at is None else _share(right[:, at]) for right in (of_products, of_images))
        rows.append({**one, "is_model": place == 0, "product_accuracy": product, "image_accuracy": image})
    return rows


def measure_other_seeds(
    dirs: Mapping[str, Path], manifests: Mapping[str, Any], seed: int, products: pd.DataFrame, images: pd.DataFrame
) -> dict[str, Any] | None:
    """Measure how far other seeds move the accuracy; None: the run was trained with one seed.

    Args:
        dirs: Finished artifacts by stage.
        manifests: Theirs.
        seed: Of the model.
        products: A row per test product, product_id ascending: product_id, group_id, class_index, predicted.
        images: A row per test image, sorted by product_id and image number: product_id, group_id, class_index,
            predicted.

    Returns:
        As docs/metrics-schema.md has `other_seeds`.

    Raises:
        DataError: If the artifact is damaged, or its trainings were judged by other products.
    """
    if "seeds" not in dirs:
        return None
    found = read_seeds(dirs["seeds"])
    _check_tested(dirs["seeds"], found, products, images)
    of_products, of_images = _with_own(products, found.right_products), _with_own(images, found.right_images)
    model, states = manifests["model"], [one["state"] for one in found.seeds]
    own = {
        "seed": seed,
        "state": "complete",
        **{name: model["result"].get(name) for name in _OF_TRAINING},
        "seconds": model["duration_s"],
    }
    return {
        "num_complete": states.count("complete"),
        "num_diverged": states.count("diverged"),
        "num_stopped": states.count("stopped"),
        "product": _spread(of_products, products),
        "image": _spread(of_images, images),
        "seeds": _rows(own, found.seeds, of_products, of_images),
    }
