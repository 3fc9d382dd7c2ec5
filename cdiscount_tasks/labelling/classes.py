"""The classes of a sample: their numbers, and whether each can be learnt."""

import pandas as pd

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.records import TRAIN


def with_class_indices(products: pd.DataFrame, class_ids: list[int]) -> pd.DataFrame:
    """Number the classes by their place in `class_ids`.

    Args:
        products: Columns category_id, label (missing: not learnt from), split.
        class_ids: The category_ids of the classes, ascending.

    Returns:
        The products with class_index (of the given category) and train_class_index (of the label, in train alone).
    """
    class_of = {category_id: class_index for class_index, category_id in enumerate(class_ids)}
    in_train = products["split"] == TRAIN
    return products.assign(
        class_index=products["category_id"].map(class_of),
        train_class_index=products["label"].map(class_of).where(in_train).astype("Int16"),
    )


def check_learnable(products: pd.DataFrame, class_ids: list[int]) -> None:
    """Refuse labels that leave a class nothing to learn from.

    Raises:
        DataError: If a class has no product in train; names its category_id.
    """
    learnt = set(products["train_class_index"].dropna())
    lost = [category_id for class_index, category_id in enumerate(class_ids) if class_index not in learnt]
    if lost:
        raise DataError(
            f"category {lost[0]} has no product left to learn from after human fixes and conflicts; keep some of its "
            "products in the fixes file, or set conflicts: keep"
        )
