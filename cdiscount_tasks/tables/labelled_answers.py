"""The products of a model's own labels, what it answered to those that it was measured on, and what it knew before."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predictions import read_predictions
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, LABEL_PRODUCTS
from cdiscount_tasks.tables.seen_before import find_known, read_seen_before
from cdiscount_tasks.vocabulary import TEST


class LabelledAnswers(NamedTuple):
    """What a model learnt from and was measured on.

    Attributes:
        products: product_id, group_id, split, category_id, and of those that it was measured on `predicted`, the class
            index answered, and `confidence`, at the evaluation's temperature; of the others -1 and NaN.
        images: product_id, image_number, content_hash, by product.
        tested: group_id, confidence and is_right of the test products.
        seen_before: int64, product_id of those that it knows through the model with whose weights it began, and that
            are in none of its accuracies.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    tested: pd.DataFrame
    seen_before: npt.NDArray[np.int64]


def _seen_before(products: pd.DataFrame, labels_dir: Path, model_dir: Path) -> npt.NDArray[np.int64]:
    seen = read_seen_before(model_dir)
    known = products.loc[find_known(labels_dir, products, seen), "product_id"]
    learnt = seen.loc[(seen["split"] != TEST) & ~seen["product_id"].isin(products["product_id"]), "product_id"]
    return np.union1d(known, learnt).astype(np.int64)


def read_labelled_answers(model_dir: Path, evaluation_dir: Path, labels_dir: Path, num_classes: int) -> LabelledAnswers:
    """Read what a model learnt from and was measured on.

    Args:
        model_dir: Finished model artifact.
        evaluation_dir: Its evaluation.
        labels_dir: The labels that it was trained on.
        num_classes: Of the model.

    Raises:
        DataError: If a file is missing or damaged.
    """
    columns = ["product_id", "group_id", "split", "category_id"]
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS, columns).to_pandas()
    columns = ["product_id", "image_number", "content_hash"]
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, columns).to_pandas()
    judged = read_predictions(evaluation_dir, num_classes).products
    products = products.join(judged.set_index("product_id")[["predicted", "confidence"]], on="product_id")
    products["predicted"] = products["predicted"].fillna(-1).astype(np.int64)
    on_test = judged[judged["split"] == TEST]
    tested = on_test[["group_id", "confidence"]].assign(is_right=on_test["predicted"] == on_test["class_index"])
    return LabelledAnswers(products, images, tested, _seen_before(products, labels_dir, model_dir))
