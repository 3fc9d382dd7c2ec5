"""The judgement artifact, read for the report: what it says, and products that one model alone has right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.reports.evidence import read_thumbnails
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import JUDGED_PRODUCTS

NUM_SHOWN = 6
_BUDGET_BYTES = 400_000


class RightAlone(NamedTuple):
    """A product that one model alone gets right; `other_answer`: the category that the other one says."""

    product: ShownProduct
    other_answer: int


class ShownJudgement(NamedTuple):
    """What the page shows of a judgement.

    Attributes:
        only_challenger: Products that the new model alone gets right, some at random.
        only_champion: The same of the champion.
        no_pictures: Why there are no pictures, as a sentence; None: there are.
    """

    only_challenger: list[RightAlone]
    only_champion: list[RightAlone]
    no_pictures: str | None


def read_judgement(dirs: Mapping[str, Path]) -> dict[str, Any] | None:
    """Return judgement.json; None where the run was not judged, as one of an older version.

    Raises:
        DataError: If it is missing or damaged.
    """
    return read_json(dirs["judgement"] / "judgement.json") if "judgement" in dirs else None


def _some(rows: pd.DataFrame, mine: str, other: str) -> pd.DataFrame:
    """Draw products that one model alone gets right, of different groups; columns product_id, other_answer."""
    right = {name: rows[f"answer_{name}"] == rows["category_id"] for name in (mine, other)}
    alone = rows[right[mine] & ~right[other]]
    order = np.random.default_rng(len(mine)).permutation(len(alone))
    drawn = alone.iloc[order].drop_duplicates("group_id").head(NUM_SHOWN)
    return drawn.rename(columns={f"answer_{other}": "other_answer"})[["product_id", "category_id", "other_answer"]]


def show_judgement(dirs: Mapping[str, Path], *, embed_pictures: bool) -> ShownJudgement | None:
    """Choose the products that speak for either model, with their pictures.

    Args:
        dirs: Finished artifacts: sample, labels, judgement.
        embed_pictures: Whether the page may hold pictures of the catalogue.

    Raises:
        DataError: If the judgement is damaged.
    """
    if "judgement" not in dirs:
        return None
    rows = read_table(dirs["judgement"] / "products.parquet", JUDGED_PRODUCTS).to_pandas()
    sides = [_some(rows, "challenger", "champion"), _some(rows, "champion", "challenger")]
    ids = [int(one) for side in sides for one in side["product_id"]]
    thumbnails, no_pictures = read_thumbnails(dirs, ids, embed_pictures=embed_pictures)
    shelf = PictureShelf(_BUDGET_BYTES)

    def shown(side: pd.DataFrame) -> list[RightAlone]:
        columns = (side[name].tolist() for name in ("product_id", "category_id", "other_answer"))
        return [
            RightAlone(shelf.show(product_id, category_id, thumbnails.get(product_id, [])), other)
            for product_id, category_id, other in zip(*columns, strict=True)
        ]

    return ShownJudgement(shown(sides[0]), shown(sides[1]), no_pictures)
