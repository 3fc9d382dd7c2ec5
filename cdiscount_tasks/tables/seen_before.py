"""What a model that began with another model's weights has seen through it: seen_before.parquet, its one reader.

Products of then, by the split that they had there. Where they are in a different split now, or were joined to a group
of it, the model knows them already: no accuracy may count them.
"""

from pathlib import Path

import pandas as pd

from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import TEST, TRAIN, VALIDATION

SEEN_BEFORE = "seen_before.parquet"
"""In a model artifact; missing where the model began with no other model of the sample."""

LEARNT_BEFORE = {TRAIN: (), VALIDATION: (TRAIN,), TEST: (TRAIN, VALIDATION)}
"""By the split that is judged: products of which splits of then a model must not have seen."""


def read_seen_before(model_dir: Path) -> pd.DataFrame:
    """Read product_id and split (of then) of what a model has seen through those that it began with; often none."""
    path = model_dir / SEEN_BEFORE
    if not path.exists():
        return pd.DataFrame({"product_id": pd.Series([], dtype="int64"), "split": pd.Series([], dtype="str")})
    seen: pd.DataFrame = parquet.read_table(path, schemas.SEEN_BEFORE).to_pandas()
    return seen


def read_seen(model_dir: Path, labels_dir: Path) -> pd.DataFrame:
    """Read what a model has learnt from or was chosen by, itself or through those that it began with.

    Args:
        model_dir: Finished model artifact.
        labels_dir: The labels that it was trained on.

    Returns:
        product_id ascending, each once, and split: train, or validation where it never was in train.
    """
    columns = ["product_id", "split"]
    own = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS, columns).to_pandas()
    seen = pd.concat([own[own["split"] != TEST], read_seen_before(model_dir)])
    seen = seen.sort_values(columns)  # train stands before validation in the alphabet
    found: pd.DataFrame = seen.drop_duplicates("product_id").reset_index(drop=True)
    return found


def is_known(products: pd.DataFrame, seen: pd.DataFrame) -> pd.Series:
    """Tell which products a model knows from before, where their split of now must be unknown to it.

    Args:
        products: product_id, group_id and split (of now); all of the sample, since a group ties.
        seen: product_id and split (of then).

    Returns:
        bool, row for row: whether any product of the group was seen in a split that comes before this one.
    """
    known = pd.Series(data=False, index=products.index)
    for split, before in LEARNT_BEFORE.items():
        ids = seen.loc[seen["split"].isin(before), "product_id"]
        groups = products.loc[products["product_id"].isin(ids), "group_id"]
        known |= (products["split"] == split) & products["group_id"].isin(groups)
    return known


def write_seen_before(folder: Path, model_dir: Path, labels_dir: Path) -> None:
    """Write what a training knows of the products before it begins, given the model that it begins with.

    Args:
        folder: Of the model artifact that is being made.
        model_dir: The model that the training began with.
        labels_dir: The labels that that model was trained on.
    """
    seen = read_seen(model_dir, labels_dir)
    parquet.write_table(folder / SEEN_BEFORE, seen, schemas.SEEN_BEFORE)
