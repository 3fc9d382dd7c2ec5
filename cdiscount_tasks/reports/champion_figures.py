"""The judgements of a champion, read for the report: what it was right about each time it was asked."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.intervals import known_exactly, share_figure
from cdiscount_tasks.pages.report.champion_figures import AskedAgain, render_champion_figures
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predictions import read_judged
from cdiscount_tasks.tables.schemas import JUDGED_PRODUCTS, LABEL_PRODUCTS

logger = logging.getLogger(__name__)


class PastLook(NamedTuple):
    """A look at test products: when (ISO 8601, UTC), its number, and the judgement artifact, which may be removed."""

    at: str
    number: int
    judgement_dir: Path


class PastLooks(NamedTuple):
    """The looks of a champion.

    Attributes:
        since: When its model first became the champion, ISO 8601 in UTC.
        labels_dir: Of the products that it learnt from.
        evaluation_dir: Its answers of then.
        looks: In their order.
    """

    since: str
    labels_dir: Path
    evaluation_dir: Path
    looks: tuple[PastLook, ...]


def _own_products(labels_dir: Path) -> pd.Series | None:
    """Return the products of the champion's own labels; None: they cannot be read."""
    try:
        ids: pd.Series = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS, ["product_id"]).to_pandas()[
            "product_id"
        ]
    except DataError as error:
        logger.warning("which test products were added since the champion learnt is not known: %s", error)
        return None
    return ids


def _at_first(past: PastLooks) -> list[AskedAgain]:
    try:
        rows = read_judged(past.evaluation_dir)
    except DataError as error:
        logger.warning("the champion's figure of its own report is not shown: %s", error)
        return []
    return [AskedAgain(past.since, None, share_figure(rows["right"], rows["group_id"]), None)]


def _asked(look: PastLook, own: pd.Series | None) -> AskedAgain | None:
    """Return what the champion was right about at a look; None: its judgement is no longer on disk, or is damaged."""
    try:
        rows = read_table(look.judgement_dir / "products.parquet", JUDGED_PRODUCTS).to_pandas()
    except DataError as error:
        logger.warning("look %d is not shown: %s", look.number, error)
        return None
    right = (rows["answer_champion"] == rows["category_id"]).to_numpy(bool)
    groups = rows["group_id"].to_numpy(np.int64)
    if own is None:
        return AskedAgain(look.at, look.number, share_figure(right, groups), None)
    is_added = ~rows["product_id"].isin(own).to_numpy(bool)
    added = share_figure(right[is_added], groups[is_added]) if is_added.any() else known_exactly(None, 0, 0)
    return AskedAgain(look.at, look.number, share_figure(right, groups), added)


def show_champion_figures(past: PastLooks | None) -> Markup:
    """Make the part of the report that shows how the champion's own accuracy moved; empty without a second figure."""
    if past is None or not past.looks:
        return Markup()
    own = _own_products(past.labels_dir)
    found = [_asked(look, own) for look in past.looks]
    asked = [one for one in found if one is not None and one.accuracy["n"]]
    return render_champion_figures([*_at_first(past), *asked], found.count(None))
