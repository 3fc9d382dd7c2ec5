"""The classes of a sample: their numbers, and whether each can be learnt."""

from collections.abc import Sequence

import pandas as pd

from cdiscount_tasks.errors import ClassError
from cdiscount_tasks.vocabulary import TRAIN


def first_of(category_ids: Sequence[int]) -> str:
    """Name the first of some categories, and how many there are, as the subject of a sentence with `has` or `have`."""
    if len(category_ids) == 1:
        return f"category {category_ids[0]} has"
    return f"category {category_ids[0]} and {len(category_ids) - 1} more have"


def its(category_ids: Sequence[int]) -> str:
    """Return `its` or `their`."""
    return "its" if len(category_ids) == 1 else "their"


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


def check_learnable(products: pd.DataFrame, fixed: pd.DataFrame, class_ids: list[int]) -> None:
    """Refuse labels that leave a class nothing to learn from.

    Args:
        products: What `with_class_indices` gave.
        fixed: The products as human fixes left them, before conflicts were settled: label, split.
        class_ids: The category_ids of the classes, ascending.

    Raises:
        ClassError: If classes have no product in train; names the first, and what took its products.
    """
    learnt = set(products["train_class_index"].dropna())
    lost = [category_id for class_index, category_id in enumerate(class_ids) if class_index not in learnt]
    if not lost:
        return
    if lost[0] in set(fixed.loc[fixed["split"] == TRAIN, "label"].dropna()):
        why, or_else = "human fixes and conflicts", ", or set conflicts: keep"
    else:
        why, or_else = "human fixes", ""
    raise ClassError(
        f"{first_of(lost)} no product left to learn from after {why}; keep some of {its(lost)} products in the fixes "
        f"file{or_else}",
        lost,
        "each image of its class in train is in products of other categories too",
    )
