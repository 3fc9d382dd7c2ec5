"""The few products that say most about a new model beside the champion: where one of them is sure, and wrong."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cdiscount_tasks.pages.parts.words import class_name
from cdiscount_tasks.reports.evidence import read_thumbnails
from cdiscount_tasks.tables.judged_products import category_ids_of
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predictions import read_answers, read_confidence
from cdiscount_tasks.tables.schemas import CLASSES, JUDGED_PRODUCTS
from cdiscount_tasks.vocabulary import TEST

NUM_TELLING = 3
_SIDE = 112
"""Pixels: three beside each other, and a column of words, are as wide as Airflow's window of questions is."""


class TellingAnswer(NamedTuple):
    """A model's answer to a product: the category's name, whether it is right, and how sure the model is of it."""

    name: str
    is_right: bool
    confidence: float


class TellingProduct(NamedTuple):
    """A test product, what the catalogue says of it, and what the models say; champion is None where there was none."""

    product_id: int
    name: str
    challenger: TellingAnswer
    champion: TellingAnswer | None
    picture: bytes | None


class TellingProducts(NamedTuple):
    """The products, and why there are no pictures of them, as a sentence; None: there are."""

    products: list[TellingProduct]
    no_pictures: str | None


def _surest_first(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(["confidence", "product_id"], ascending=[False, True])


def choose_telling(wrong: pd.DataFrame) -> pd.DataFrame:
    """Choose products by the surest wrong answer, with one at least that each model alone has right, if there is one.

    Args:
        wrong: A row a product that one model has wrong: product_id, group_id, champion_is_right (the other one is, or
            there is no champion), confidence (of the wrong answer).

    Returns:
        NUM_TELLING of the rows at the most, the surest first; of one group only one that the same model has wrong.
    """
    surest_first = _surest_first(wrong).drop_duplicates(["group_id", "champion_is_right"])
    first_of_each = surest_first.drop_duplicates("champion_is_right")
    chosen = pd.concat([first_of_each, surest_first]).drop_duplicates("product_id").head(NUM_TELLING)
    return _surest_first(chosen)


def _disagreed(judgement_dir: Path, evaluations: Mapping[str, Path]) -> pd.DataFrame:
    """Return the judged products that one model alone has right, with the confidence of both answers."""
    rows: pd.DataFrame = read_table(judgement_dir / "products.parquet", JUDGED_PRODUCTS).to_pandas()
    for name, folder in evaluations.items():
        rows[f"confidence_{name}"] = rows["product_id"].map(read_confidence(folder))
        rows[f"right_{name}"] = rows[f"answer_{name}"] == rows["category_id"]
    rows = rows[rows["right_challenger"] != rows["right_champion"]]
    sure = rows["confidence_challenger"].where(rows["right_champion"], rows["confidence_champion"])
    return rows.assign(champion_is_right=rows["right_champion"], confidence=sure)


def _mistaken(dirs: Mapping[str, Path]) -> pd.DataFrame:
    """Return the test products that the model of a run without a champion has wrong."""
    rows = read_answers(dirs["evaluation"])
    rows = rows[(rows["split"] == TEST) & (rows["class_index"] != rows["predicted"])]
    rows = rows.assign(confidence=rows["product_id"].map(read_confidence(dirs["evaluation"])), champion_is_right=False)
    of_labels, of_model = (dict(enumerate(category_ids_of(dirs[step]))) for step in ("labels", "model"))
    rows["category_id"], rows["answer_challenger"] = rows["class_index"].map(of_labels), rows["predicted"].map(of_model)
    return rows.assign(confidence_challenger=rows["confidence"], right_challenger=False)


def _names(folder: Path) -> dict[int, str]:
    rows = read_table(folder / "classes.parquet", CLASSES, ["category_id", "level3"]).to_pylist()
    return {row["category_id"]: class_name(row["level3"] or "", row["category_id"]).short for row in rows}


def _answer(row: Mapping[Hashable, Any], model: str, names: Mapping[int, str]) -> TellingAnswer:
    category_id = int(row[f"answer_{model}"])
    name = names.get(category_id, str(category_id))
    return TellingAnswer(name, bool(row[f"right_{model}"]), float(row[f"confidence_{model}"]))


def find_telling(
    dirs: Mapping[str, Path], champion_evaluation_dir: Path | None, *, embed_pictures: bool
) -> TellingProducts:
    """Find the products that say most about a judged model: of a first model its surest mistakes.

    Args:
        dirs: Finished artifacts: sample, labels, model, evaluation, judgement.
        champion_evaluation_dir: What the champion answered to the judged products; None: there is no champion.
        embed_pictures: Whether pictures of the catalogue may be shown.

    Raises:
        DataError: If an artifact is missing or damaged.
    """
    if champion_evaluation_dir is None:
        wrong = _mistaken(dirs)
    else:
        wrong = _disagreed(dirs["judgement"], {"challenger": dirs["evaluation"], "champion": champion_evaluation_dir})
    chosen = choose_telling(wrong)
    product_ids = chosen["product_id"].tolist()
    pictures, no_pictures = read_thumbnails(dirs, product_ids, embed_pictures=embed_pictures, first_side=_SIDE)
    names = _names(dirs["labels"])
    products = [
        TellingProduct(
            product_id=int(row["product_id"]),
            name=names.get(int(row["category_id"]), str(row["category_id"])),
            challenger=_answer(row, "challenger", names),
            champion=None if champion_evaluation_dir is None else _answer(row, "champion", names),
            picture=next(iter(pictures.get(int(row["product_id"]), [])), None),
        )
        for row in chosen.to_dict("records")
    ]
    return TellingProducts(products, no_pictures)
