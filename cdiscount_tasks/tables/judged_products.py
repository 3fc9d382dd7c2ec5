"""The products on which two models may be compared: both were asked, and neither learnt from them or their groups."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pandas as pd

from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.predictions import read_answers
from cdiscount_tasks.tables.seen_before import find_known, read_seen, read_seen_before


class Judged(Protocol):
    """A model and what it answered: finished artifacts (`stages/inputs.py`, `JudgedModel`)."""

    @property
    def labels_dir(self) -> Path:
        """Of the products that it learnt from."""

    @property
    def model_dir(self) -> Path:
        """Of the model."""

    @property
    def evaluation_dir(self) -> Path:
        """Of its answers."""


def category_ids_of(folder: Path) -> list[int]:
    """Return the categories of a labels or model artifact, by class index."""
    ids: list[int] = parquet.read_table(folder / "classes.parquet", schemas.CLASSES)["category_id"].to_pylist()
    return ids


def _answered(model: Judged, products: pd.DataFrame) -> pd.Series:
    """Return which category each product was said to have, by product_id; missing where the model was not asked.

    Args:
        model: Whose answers.
        products: By product_id.
    """
    answers = read_answers(model.evaluation_dir).set_index("product_id")
    answered: pd.Series = answers["predicted"].map(pd.Series(category_ids_of(model.model_dir))).reindex(products.index)
    return answered


def read_common_products(challenger: Judged, others: Mapping[str, Judged], split: str) -> pd.DataFrame:
    """Read what every model says of the products of a split.

    Left out are products of a group from which one of the models learnt (for test, validated on, too), itself or
    through the model whose weights it began with; products that one of them was not asked about, and those of a
    category that one of them does not know.

    Args:
        challenger: Its labels say split, group and category of each product.
        others: By name, such as `champion`.
        split: `validation` or `test`.

    Returns:
        product_id ascending, group_id, category_id (the true one), `answer_challenger` and `answer_<name>` of each
        other: int64.

    Raises:
        DataError: If a file is missing or damaged.
    """
    columns = ["product_id", "group_id", "category_id", "split"]
    path = challenger.labels_dir / "products.parquet"
    labels = parquet.read_table(path, schemas.LABEL_PRODUCTS, columns).to_pandas()
    is_seen = find_known(challenger.labels_dir, labels, read_seen_before(challenger.model_dir))
    known = set(category_ids_of(challenger.model_dir))
    for model in others.values():
        known &= set(category_ids_of(model.model_dir))
        # Of the same labels no product of a split can be in an earlier one: groups and pictures are in one split.
        is_same = model.labels_dir == challenger.labels_dir
        seen = read_seen_before(model.model_dir) if is_same else read_seen(model.model_dir, model.labels_dir)
        is_seen |= find_known(challenger.labels_dir, labels, seen)
    products = labels[(labels["split"] == split) & ~is_seen].set_index("product_id").sort_index()
    products = products[products["category_id"].isin(known)]
    answers = {f"answer_{name}": _answered(one, products) for name, one in {"challenger": challenger, **others}.items()}
    found = products.drop(columns="split").assign(**answers).dropna(subset=list(answers))
    common: pd.DataFrame = found.astype(dict.fromkeys(answers, "int64")).reset_index()
    return common
